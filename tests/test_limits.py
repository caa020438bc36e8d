"""What a user allows a run, `--max-memory` and `--max-disk`: refused with numbers before it begins, or kept within."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from console import call
from toy import write_beir

from bench.adapters.dense import DenseRetriever
from bench.adapters.late import LateRetriever
from bench.adapters.sparse import SparseRetriever
from bench.collection import Query
from bench.encoding import BatchLimits, Side
from bench.errors import InputError
from bench.footprint import Few
from bench.forms import MULTI, SINGLE, SPARSE
from bench.sizes import parse_size, size
from bench.store import VectorStore
from bench.watch import Watch

MODEL = """
from toy import Toy

class Named(Toy):
    fingerprint = "named 1"
"""
DOCS, QUERIES = 300, 20


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("500 MB", 5 * 10**8), ("1.5GiB", 3 * 2**29), ("64k", 64000), ("1Tb", 10**12), ("12", 12)],
)
def test_sizes(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "2 gigs", "-1GB", "1e9", "0", "0MB"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"--max-disk: expected a size such as 2GB, 500MB or 1\.5GiB, found"):
        parse_size(text, "--max-disk")


def test_sizes_are_read_with_three_digits() -> None:
    counts = [0, 12, 999, 1000, 1540, 999_499, 999_500, 163_331_000_000, 5 * 10**15]
    assert [size(n) for n in counts] == [
        "0 B",
        "12 B",
        "999 B",
        "1 kB",
        "1.54 kB",
        "999 kB",
        "1 MB",
        "163 GB",
        "5,000 TB",
    ]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "named_models.py").write_text(MODEL)
    docs = [(f"d{n}", f"doc w{n % 17} w{n % 23} w{n}") for n in range(DOCS)]
    queries = [(f"q{n}", f"doc w{n}") for n in range(QUERIES)]
    write_beir(tmp_path / "task", docs, queries, {q: [d] for (q, _), (d, _) in zip(queries, docs, strict=False)})
    monkeypatch.chdir(tmp_path)

    def call_run(*arguments: object, model: str = "python:named_models:Named", output: str = "output") -> Any:
        folders = ["--cache", tmp_path / "cache", "--output", tmp_path / output, "--no-board"]
        return call(capsys, "run", "--model", model, "--task", "path:task", *folders, *arguments)

    return call_run


def test_the_limit_of_the_disk_is_exact(run: Any, tmp_path: Path) -> None:
    needed = (DOCS + QUERIES) * 24 * 4
    refused = run("--max-disk", needed - 1)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "bench: --max-disk 30.7 kB: the vectors of python:named_models:Named on path:task take 30.7 kB for 300 "
        "documents; allow more, or take fewer languages (--lang)\n"
    )
    assert not list((tmp_path / "cache").glob("vectors/*/*"))
    assert not (tmp_path / "output").exists()
    allowed = run("--max-disk", needed, "--json")
    assert allowed.code == 0
    stored = list((tmp_path / "cache").glob("vectors/*/*.npy"))
    assert sum(np.load(path).nbytes for path in stored) == needed


def test_too_little_memory_is_said_with_numbers(run: Any, tmp_path: Path) -> None:
    for model in ("python:named_models:Named", "bm25"):
        outcome = run("--max-memory", "10MB", model=model)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith("bench: --max-memory 10 MB: the process and its models alone have taken ")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("model", ["python:named_models:Named", "bm25"])
def test_a_dry_run_says_what_the_run_would_say(run: Any, tmp_path: Path, model: str) -> None:
    limits = ["--max-disk", "30kB"] if model != "bm25" else ["--max-memory", "10MB"]
    refused, dry = run(*limits, model=model), run(*limits, "--dry-run", model=model)
    assert dry.code == refused.code == 2
    assert dry.err.split(" have taken ")[0] == refused.err.split(" have taken ")[0]  # The memory taken grows.
    assert run(*limits[:1], "100GB", "--dry-run", model=model).code == 0
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != ".lock"]
    assert not (tmp_path / "output").exists()


def test_what_does_not_fit_is_listed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.budget.peak_memory_mb", lambda: 100.0)
    monkeypatch.setattr("bench.budget.resident", lambda: 100_000_000)
    outcome = run("--max-memory", "150MB", model="bm25")
    assert outcome.code == 2
    assert "bm25 on path:task, und takes at least 212 MB (the process and its models 167 MB, " in outcome.err
    assert "a search in its smallest blocks 33.6 MB, and a twentieth to spare); give more" in outcome.err
    assert run("--max-memory", "213MB", model="bm25").code == 0


def test_smaller_blocks_give_the_same_bytes(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--json").code == 0
    monkeypatch.setattr("bench.budget.peak_memory_mb", lambda: 100.0)
    monkeypatch.setattr("bench.budget.resident", lambda: 100_000_000)
    seen = []

    def spied(*arguments: Any, memory: int, **more: Any) -> Any:
        seen.append(memory)
        return search(*arguments, memory=memory, **more)

    from bench.engine import search

    monkeypatch.setattr("bench.engine.search", spied)
    assert run("--json", "--max-memory", "260MB", output="bounded").code == 0
    # What is left of 260 MB less a twentieth, the process and the tables of pyarrow, and a little for rankings.
    assert len(seen) == 1
    assert 75e6 < seen[0] < 260e6 * 0.95 - 100e6 - (64 << 20)
    files = [[p.read_bytes() for p in sorted((tmp_path / name).rglob("*.trec.gz"))] for name in ("output", "bounded")]
    assert files[0] == files[1] != []


def test_options_that_are_no_sizes(run: Any) -> None:
    outcome = run("--max-memory", "much")
    message = "bench: --max-memory: expected a size such as 2GB, 500MB or 1.5GiB, found 'much'\n"
    assert (outcome.code, outcome.err) == (2, message)


def test_a_disk_without_room_is_found_before_the_first_batch(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("bench.files.shutil.disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    outcome = run("--max-disk", "1GB")
    assert outcome.code == 4
    assert "what python:named_models:Named keeps of path:task takes 35,520 bytes" in outcome.err
    assert "1,000,000 are free" in outcome.err


class Random:
    """An encoder of any form, whose vectors depend on the text alone."""

    uses_language = False
    limits = BatchLimits(tokens=None, texts=64)

    def __init__(self, form: Any) -> None:
        self.form = form

    def recipe(self, side: Side) -> dict[str, Any]:
        return {"random": type(self.form).__name__, "side": side}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        from scipy.sparse import csr_array

        seeds = [int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) for text in texts]
        rows = [np.random.default_rng(seed).standard_normal((1 + seed % 5, 16)).astype(np.float32) for seed in seeds]
        if self.form is MULTI:
            return rows
        firsts = np.stack([row[0] for row in rows])
        return firsts if self.form is SINGLE else csr_array(np.where(firsts > 0.5, firsts, 0))

    def count_tokens(self, texts: Sequence[str], side: Side) -> None:
        return None

    def rendered(self, text: str, side: Side) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("form", "kind"),
    [(SINGLE, DenseRetriever), (SPARSE, SparseRetriever), (MULTI, LateRetriever)],
    ids=["dense", "sparse", "late"],
)
def test_every_form_is_searched_alike_in_any_memory(form: Any, kind: Any, tmp_path: Path) -> None:
    texts, questions = [str(n) for n in range(400)], [Query(f"q{n}", f"question {n}") for n in range(30)]
    runs = []
    for memory in (1 << 30, 1 << 15):
        folder = tmp_path / str(memory)
        retriever = kind(Random(form), VectorStore(folder / "store"), Watch(), "und", 100, memory)
        retriever.index(Few("und", texts), folder)
        runs.append(retriever.search(questions, 10))
    if form is SPARSE:  # 2^15 bytes hold 512 postings: several segments in the place of one.
        assert [len(list((tmp_path / str(m)).glob("postings/*"))) for m in (1 << 30, 1 << 15)] == [1, 4]
    encoder = Random(form)
    rows = [
        form.gathered([(np.arange(len(t)), form.checked(encoder.encode(t, "document", "und"), len(t)))], len(t))
        for t in ([q.text for q in questions], texts)
    ]
    scores = form.scores(*rows).astype(np.float32)
    for i, query in enumerate(questions):
        order = sorted(range(400), key=lambda n: (scores[i, n], str(n)), reverse=True)[:10]
        kept = [str(n) for n in order if form is not SPARSE or scores[i, n] != 0]
        for run in runs:
            assert run[query.id].docs == kept
            assert run[query.id].scores.tolist() == [scores[i, int(n)] for n in kept]


def test_limits_are_no_part_of_what_was_measured(run: Any, tmp_path: Path) -> None:
    ids = [json.loads(run("--json", *limit).out)[0]["identity"] for limit in ((), ("--max-disk", "1GB"))]
    assert ids[0] == ids[1]
