"""MIRACL's original files: its published counts, its traps, and what damaged files are answered with."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import pytest
from originals import Known, gunzip, write, write_lines, write_miracl, write_rows

import bench
from bench.census import CountedCorpus, census_differences, file_differences
from bench.collection import Source
from bench.errors import InputError, MissingError
from bench.loaders import open_source
from bench.places import Places
from bench.registry import Registry
from bench.task import Subset, Task

pytestmark = pytest.mark.usefixtures("offline")

# language: shards, documents, dev queries, dev judgments, dev positives, train queries (MIRACL's published figures)
PUBLISHED = {
    "ar": (5, 2_061_414, 2_896, 29_197, 5_658, 3_495),
    "bn": (1, 297_265, 411, 4_206, 863, 1_631),
    "de": (32, 15_866_222, 305, 3_144, 811, None),
    "en": (66, 32_893_221, 799, 8_350, 2_326, 2_863),
    "es": (21, 10_373_953, 648, 6_443, 2_987, 2_162),
    "fa": (5, 2_207_172, 632, 6_571, 1_314, 2_107),
    "fi": (4, 1_883_509, 1_271, 12_008, 2_447, 2_897),
    "fr": (30, 14_636_953, 343, 3_429, 731, 1_143),
    "hi": (2, 506_264, 350, 3_494, 752, 1_169),
    "id": (3, 1_446_315, 960, 9_668, 3_088, 4_071),
    "ja": (14, 6_953_614, 860, 8_354, 1_790, 3_477),
    "ko": (3, 1_486_752, 213, 3_057, 547, 868),
    "ru": (20, 9_543_918, 1_252, 13_100, 3_560, 4_683),
    "sw": (1, 131_924, 482, 5_092, 910, 1_901),
    "te": (2, 518_079, 828, 1_606, 854, 3_452),
    "th": (2, 542_166, 733, 7_573, 1_343, 2_972),
    "yo": (1, 49_043, 119, 1_188, 144, None),
    "zh": (10, 4_934_368, 393, 3_928, 994, 1_312),
}
# Queries' ids that are judged documents of the same query, and relevant ones (measured in the files).
OWN_IDS = {"de": (6, 1), "es": (46, 19), "fa": (75, 35), "fr": (12, 4), "hi": (1, 1), "yo": (46, 32), "zh": (17, 7)}


@pytest.fixture
def miracl() -> Task:
    return Registry().task("miracl")


def opened(task: Task, data: Path, language: str, split: str = "dev") -> Source:
    return open_source(task, language, split, Places(data, data / "cache", offline=True))


def run(data: Path, model: Any = "bm25", **options: Any) -> dict[str, Any]:
    options = {"data": data, "cache": data / "cache", "offline": True, "allow_unpinned": True} | options
    return bench.run(model=model, task="miracl", **options)


def real(test_data: Path, data: Path, language: str, documents: list[str] | None = None) -> None:
    """The real dev topics and judgments, and a stand-in corpus, of the judged documents unless others are given."""
    folder = data / "miracl/v1.0" / language
    for part in ("topics", "qrels"):
        source = test_data / "miracl" / f"{part}.miracl-v1.0-{language}-dev.tsv.gz"
        gunzip(source, folder / "dev" / f"{part}.tsv")
    lines = (folder / "dev/qrels.tsv").read_text(encoding="utf-8").splitlines()
    ids = documents or list(dict.fromkeys(line.split("\t")[2] for line in lines))
    shard = 1 if language == "yo" else 0
    write_lines(folder / f"docs/docs-{shard}.jsonl.gz", [{"docid": i, "title": "T", "text": i} for i in ids])


def test_card_has_the_published_counts(miracl: Task) -> None:
    found = {
        code: (row.shards, row.documents, row.queries, row.judgments, row.positives)
        for code, row in miracl.languages.items()
    }
    assert found == {code: row[:5] for code, row in PUBLISHED.items()}
    totals = [sum(row[i] for row in found.values()) for i in (1, 2, 3, 4)]
    assert totals == [106_332_152, 13_495, 130_408, 31_119]
    train = {code: row.splits["train"].queries for code, row in miracl.languages.items() if "train" in row.splits}
    assert train == {code: row[5] for code, row in PUBLISHED.items() if row[5]}
    assert miracl.subsets_of("test-a") == ("ar", "bn", "en", "fi", "id", "ja", "ko", "ru", "sw", "te", "th")
    assert miracl.subsets_of("test-b") == tuple(PUBLISHED)


@pytest.mark.parametrize("language", PUBLISHED)
def test_real_topics_and_judgments(miracl: Task, test_data: Path, tmp_path: Path, language: str) -> None:
    real(test_data, tmp_path, language)
    source = opened(miracl, tmp_path, language)
    queries, qrels = source.queries(), source.qrels()
    assert qrels is not None
    shards, _, *counts, _ = PUBLISHED[language]
    labels = [label for row in qrels.values() for label in row.values()]
    assert [len(queries), len(labels), sum(labels)] == counts
    assert set(labels) <= {0, 1}
    assert all(any(row.values()) for row in qrels.values())
    assert {query.id for query in queries} == set(qrels)
    own = [label for query, row in qrels.items() for document, label in row.items() if document == query]
    assert (len(own), sum(own)) == OWN_IDS.get(language, (0, 0))

    # The card's md5 of topics and judgments are those of these files; only the stand-in corpus differs.
    differing = [d.pin for d in file_differences(miracl, language, source)]
    assert [pin for pin in differing if "docs" not in pin] == (["files of the corpus"] if shards > 1 else [])
    corpus = CountedCorpus(miracl, language, source, tmp_path / "work")
    corpus.unseen = {document for row in qrels.values() for document in row}
    census = corpus.census(queries, qrels)
    assert [d.pin for d in census_differences(miracl, language, census)] == ["documents"]
    assert not corpus.unseen


def test_no_hit_is_dropped_for_bearing_the_id_of_its_query(test_data: Path, tmp_path: Path) -> None:
    real(test_data, tmp_path, "yo")
    qrels = opened(Registry().task("miracl"), tmp_path, "yo").qrels()
    assert qrels is not None
    perfect = Known({q: [d for d, label in row.items() if label] for q, row in qrels.items()})
    block = run(tmp_path, perfect, languages=["yo"])["languages"]["yo"]
    assert (block["nDCG@10"], block["R@100"], block["Judged@10"]) == (1.0, 1.0, 1.0)
    assert (block["queries"], block["judged"]) == (119, 1_188)


def test_small_files_run_end_to_end(tmp_path: Path) -> None:
    write_miracl(tmp_path, "yo", shard=1)
    result = run(tmp_path)
    block = result["languages"]["yo"]
    # Both texts of Ibadan score alike: 10#2 comes first, being larger by bytes, and the relevant 10#10 second.
    assert block["nDCG@10"] == pytest.approx((1 + 1 / math.log2(3)) / 2, abs=1e-12)
    assert block["R@100"] == 1.0
    assert block["Judged@10"] == 1.0
    assert (block["queries"], block["documents"], block["judged"]) == (2, 3, 3)
    assert (result["pins"], result["partial"], result["entry"]) == ("differ", "1/18", None)
    assert result["missing"] == [code for code in PUBLISHED if code != "yo"]
    assert any(
        note.startswith(f"missing: miracl, ar: no miracl/v1.0/ar/dev/topics.tsv (plain or .gz) under {tmp_path}")
        and note.endswith(f"forbids to fetch it: put it there (bench tasks fetch miracl --lang ar --data {tmp_path})")
        for note in result["notes"]
    )


def test_shards_are_read_in_the_order_of_their_numbers(miracl: Task, tmp_path: Path) -> None:
    write_miracl(tmp_path, "ar")
    folder = tmp_path / "miracl/v1.0/ar/docs"
    for name, i in (
        ("docs-10.jsonl.gz", "c"),
        ("docs-2.jsonl", "b"),
        ("docs-2.jsonl.gz", "b, packed"),
        ("docs-3.jsonl.gz.part", "x"),
    ):
        write_lines(folder / name, [{"docid": i, "title": "", "text": "t"}])
    source = opened(miracl, tmp_path, "ar")
    assert [passage.id for passage in source.passages()] == ["10#10", "7#0", "10#2", "b", "c"]
    names = [name.rpartition("/")[2] for name, _ in source.files]
    assert names == ["docs-0.jsonl.gz", "docs-2.jsonl", "docs-10.jsonl.gz", "topics.tsv", "qrels.tsv"]
    (shards, *_) = file_differences(miracl, "ar", source)
    assert str(shards) == "files of the corpus: the card says 5, found 3"
    assert shards.hard


def test_files_may_be_gzipped(miracl: Task, tmp_path: Path) -> None:
    write_miracl(tmp_path, "sw")
    plain = opened(miracl, tmp_path, "sw")
    before = (list(plain.passages()), plain.queries(), plain.qrels())
    folder = tmp_path / "miracl/v1.0/sw"
    gunzip(folder / "docs/docs-0.jsonl.gz", folder / "docs/docs-0.jsonl")
    (folder / "docs/docs-0.jsonl.gz").unlink()
    for part in ("topics", "qrels"):
        path = folder / f"dev/{part}.tsv"
        write(path.with_suffix(".tsv.gz"), path.read_text(encoding="utf-8"))
        path.unlink()
    packed = opened(miracl, tmp_path, "sw")
    assert (list(packed.passages()), packed.queries(), packed.qrels()) == before


def test_other_splits(tmp_path: Path) -> None:
    write_miracl(tmp_path, "sw")
    write_miracl(tmp_path, "de")
    folder = tmp_path / "miracl/v1.0/sw"
    write_rows(folder / "train/topics.tsv", [("1", "Eko")])
    write_rows(folder / "train/qrels.tsv", [("1", "Q0", "7#0", 1)])
    write_rows(folder / "test-a/topics.tsv", [("9", "Ibadan")])
    train = run(tmp_path, split="train")
    assert (train["task"], train["partial"], train["languages"]["sw"]["nDCG@10"]) == ("miracl@train", "1/16", 1.0)
    with pytest.raises(InputError, match=r"unknown language 'de'.*\(miracl@train has ar, bn, en, es, fa, fi, fr, hi"):
        run(tmp_path, split="train", languages=["de"])

    hidden = run(tmp_path, split="test-a", output=tmp_path / "out")
    assert hidden["languages"]["sw"]["nDCG@10"] is None
    assert any("no public judgments: the runs were written" in note for note in hidden["notes"])
    (written,) = (tmp_path / "out/miracl@test-a").rglob("sw.trec.gz")
    lines = gzip.decompress(written.read_bytes()).decode().splitlines()
    assert [line.split()[2] for line in lines][:2] == ["10#2", "10#10"]


def test_unknown_language_and_split_are_answered_with_those_there_are(tmp_path: Path) -> None:
    everything = ", ".join(PUBLISHED)
    with pytest.raises(InputError) as language:
        run(tmp_path, languages=["klingon"])
    assert str(language.value) == f"unknown language 'klingon': no name is near it; (miracl has {everything})"
    with pytest.raises(InputError, match=r"unknown split 'test'.*miracl has dev, train, test-a, test-b"):
        run(tmp_path, split="test")


def test_nothing_there_under_offline(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"miracl, sw: no miracl/v1.0/sw/dev/topics.tsv") as error:
        run(tmp_path, languages=["sw"])
    assert error.value.exit_code == 3


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE = {
    "half a shard": ("docs/docs-1.jsonl.gz", half, r"docs-1\.jsonl\.gz: the gzip file is truncated or damaged"),
    "no JSON": (
        "docs/docs-1.jsonl.gz",
        '{"docid": "1", "title": "", "text": "a"}\n{"docid": ',
        r"docs-1\.jsonl\.gz:2: not JSON",
    ),
    "no text": (
        "docs/docs-1.jsonl.gz",
        '{"docid": "1", "title": "a"}\n',
        r"docs-1\.jsonl\.gz:1: expected a text under 'text'",
    ),
    "a document twice": ("docs/docs-1.jsonl.gz", '{"docid": "1", "title": "", "text": "a"}\n' * 2, r"'1' .*twice"),
    "an extra column": (
        "dev/topics.tsv",
        "7#0\tEko\n55\tIbadan\tnla\n",
        r"topics\.tsv:2: expected two columns \(id, query\), found 3",
    ),
    "no column": (
        "dev/topics.tsv",
        "7#0\tEko\n\nIbadan\n",
        r"topics\.tsv:3: expected an id, a tab and a text, found 'Ibadan'",
    ),
    "no topics": ("dev/topics.tsv", "\n\n", r"topics\.tsv: no line has a query: get the file again"),
    "a query twice": ("dev/topics.tsv", "7#0\tEko\n55\tIbadan\n55\tnla\n", r"the query id '55' occurs twice"),
    "not UTF-8": ("dev/topics.tsv", b"7#0\tEko\n55\t\xff\n", r"topics\.tsv:2: not UTF-8 text"),
    "other labels": (
        "dev/qrels.tsv",
        "7#0\tQ0\t7#0\t2\n",
        r"qrels\.tsv:1: query '7#0', document '7#0': expected 0 or 1, found 2",
    ),
    "no label": ("dev/qrels.tsv", "7#0\tQ0\t7#0\n", r"qrels\.tsv:1: expected 4 fields"),
    "judged twice": ("dev/qrels.tsv", "7#0\tQ0\t7#0\t1\n" * 2, r"qrels\.tsv:2: document '7#0' is judged twice"),
    "other qrels": ("dev/qrels.tsv", "8\tQ0\t7#0\t1\n", r"the qrels judge 1 queries that are not there, the first '8'"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files(tmp_path: Path, case: str) -> None:
    write_miracl(tmp_path, "yo", shard=1)
    name, damage, message = DAMAGE[case]
    path = tmp_path / "miracl/v1.0/yo" / name
    if callable(damage):
        damage(path)
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        write(path, damage)
    with pytest.raises(MissingError, match=message) as error:
        run(tmp_path, languages=["yo"], output=tmp_path / "out")
    assert error.value.exit_code == 3
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_other_bytes_under_the_right_name_stop_before_the_first_batch(tmp_path: Path) -> None:
    write_miracl(tmp_path, "yo", shard=1)
    with pytest.raises(MissingError) as error:
        run(tmp_path, languages=["yo"], allow_unpinned=False)
    lines = str(error.value).splitlines()
    assert lines[0] == "miracl, yo: the data differ from the card's pins:"
    assert lines[1].startswith(
        "  md5 of miracl/v1.0/yo/docs/docs-1.jsonl.gz: the card says 07bab606c31660be729353419ff6537d, found "
    )
    assert [line.split()[2] for line in lines[2:4]] == [
        f"miracl/v1.0/yo/dev/{part}.tsv:" for part in ("topics", "qrels")
    ]
    assert lines[4].endswith("--allow-unpinned")


@pytest.mark.parametrize(("digest", "state"), [("0" * 32, "differ"), ("8892d4b1260f9760941e09e3b07b5025", "match")])
def test_a_file_alone_may_make_the_difference(miracl: Task, tmp_path: Path, digest: str, state: str) -> None:
    write_miracl(tmp_path, "yo", shard=1)
    topics = "miracl/v1.0/yo/dev/topics.tsv"
    row = Subset(documents=3, shards=1, queries=2, judgments=3, positives=2, files={topics: f"md5:{digest}"})
    card = miracl.model_copy(update={"languages": {"yo": row}})
    result = bench.run(
        model="bm25",
        task=card,
        data=tmp_path,
        cache=tmp_path / "cache",
        board=tmp_path / "board",
        offline=True,
        allow_unpinned=True,
    )
    assert result["pins"] == state
    assert (result["entry"] is None) == (state == "differ")
