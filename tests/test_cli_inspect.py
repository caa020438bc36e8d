"""`bench inspect`: against the run file and the texts of `mini` as they lie on disk; wrong use; what is missing."""

from __future__ import annotations

import gzip
import json
import math
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from console import call, on_terminal
from rich.cells import cell_len

from bench.cli import _code
from bench.entry import slug
from bench.files import digest
from bench.inspection import worst
from bench.places import shipped

COMMAND = ("--model", "bm25", "--task", "mini", "--lang", "en")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a real run of bm25 on mini, English, has left."""
    output = tmp_path_factory.mktemp("results")
    arguments = ["run", *COMMAND, "--no-board", "--quiet", "--cache", output / "cache", "--output", output]
    assert _code([str(argument) for argument in arguments]) == 0
    return output


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return partial(call, capsys)


def trec(output: Path) -> dict[str, list[tuple[str, str]]]:
    """Query -> (document, score) in the order of the run file."""
    run: dict[str, list[tuple[str, str]]] = {}
    with gzip.open(output / "mini" / "bm25" / "en.trec.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            query, _, doc, _, score, _ = line.split()
            run.setdefault(query, []).append((doc, score))
    return run


def english() -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Texts of the documents; query -> (question, its document)."""
    rows = [
        json.loads(line) for line in (shipped("tasks") / "mini" / "en.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    texts = {row["id"]: f"{row['title']} {row['text']}" for row in rows}
    questions = {f"{r['id']}-{i}": (q, r["id"]) for r in rows for i, q in enumerate(r["questions"], start=1)}
    return texts, questions


def expected(output: Path, query: str, k: int) -> dict[str, Any]:
    """One query of --json, from the files alone: with one relevant document, nDCG is 1 / log2(rank + 1)."""
    texts, questions = english()
    question, relevant = questions[query]
    hits = trec(output).get(query, [])
    rank = next((i for i, (doc, _) in enumerate(hits, start=1) if doc == relevant), None)
    gain = 1 / math.log2(rank + 1) if rank else 0.0
    cuts = {f"R@{cut}": float(rank is not None and rank <= cut) for cut in (5, 100)}
    return {
        "query": query,
        "question": question,
        "values": {"nDCG@10": pytest.approx(gain if rank and rank <= 10 else 0.0, abs=1e-12)} | cuts,
        "judgments": [{"document": relevant, "label": 1, "rank": rank}],
        "documents": [
            {
                "rank": i,
                "document": doc,
                "score": pytest.approx(float(score), rel=1e-8),
                "label": 1 if doc == relevant else None,
                "text": texts[doc],
            }
            for i, (doc, score) in enumerate(hits[:k], start=1)
        ],
    }


def looked(bench: Any, output: Path, *arguments: object) -> dict[str, Any]:
    outcome = bench("inspect", *COMMAND, "--output", output, "--json", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    result: dict[str, Any] = json.loads(outcome.out)
    return result


def test_every_query_as_json(bench: Any, made: Path) -> None:
    _, questions = english()
    arguments = [word for query in questions for word in ("--query", query)]
    result = looked(bench, made, *arguments)
    assert result["queries"] == [expected(made, query, 5) for query in questions]
    assert {key: value for key, value in result.items() if key not in ("queries", "identity")} == {
        "format": 1,
        "model": "bm25",
        "task": "mini",
        "split": "test",
        "language": "en",
        "measures": ["nDCG@10", "R@5", "R@100"],
        "main_measure": "nDCG@10",
        "k": 100,
        "texts_shown": True,
        "notes": [],
    }
    entry = json.loads((made / "mini" / "bm25" / "entry.json").read_text())
    assert result["identity"] == entry["id"]


@pytest.mark.parametrize(
    ("options", "count"), [([], 3), (["--worst", "1"], 1), (["--worst", "7", "--k", "2"], 7), (["--worst", "999"], 72)]
)
def test_the_worst_queries(bench: Any, made: Path, options: list[str], count: int) -> None:
    _, questions = english()
    count = min(count, len(questions))
    scored = {query: expected(made, query, 0)["values"] for query in questions}
    order = sorted(questions, key=lambda q: (scored[q]["nDCG@10"].expected, scored[q]["R@5"], scored[q]["R@100"], q))
    result = looked(bench, made, *options)
    assert [query["query"] for query in result["queries"]] == order[:count]
    assert result["queries"][0] == expected(made, order[0], 2 if "--k" in options else 5)


def test_what_a_person_sees(bench: Any, made: Path) -> None:
    texts, questions = english()
    ranks = {q: expected(made, q, 0)["judgments"][0]["rank"] for q in questions}
    query, rank = next((q, rank) for q, rank in ranks.items() if rank in (2, 3, 4, 5))
    wanted, hits = expected(made, query, 2), trec(made)[query]
    outcome = bench("inspect", *COMMAND, "--output", made, "--query", query, "--k", rank)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines() if line.strip() and "─" not in line]
    relevant = questions[query][1]
    bodies = []
    for i, (doc, score) in enumerate(hits[:rank], start=1):
        assert len(texts[doc]) > 300
        label, body = "label 1" if doc == relevant else "not judged", texts[doc][:301].rpartition(" ")[0]
        bodies.append(f"{i}. {doc} ({float(score):.4f}, {label}) {body} ..")
    assert " ".join(lines) == (
        f"bm25 on mini, en query {query} {wanted['question']} nDCG@10 {1 / math.log2(rank + 1):.4f}, R@5 1.0000, "
        f"R@100 1.0000 judged label rank {relevant} 1 {rank} {' '.join(bodies)}"
    )


def test_a_document_that_the_run_lacks(bench: Any, made: Path) -> None:
    _, questions = english()
    query = next(q for q in questions if expected(made, q, 0)["judgments"][0]["rank"] is None)
    out = bench("inspect", *COMMAND, "--output", made, "--query", query, "--no-texts").out
    assert f"{questions[query][1]} 1 not in the first 100" in " ".join(out.split())
    assert all(text[:60] not in " ".join(out.split()) for text in english()[0].values())


def test_the_model_is_not_loaded(bench: Any, made: Path, tmp_path: Path) -> None:
    """A result under the name of a card whose package is not there, and of an expression, read like any other."""
    shutil.copytree(made / "mini" / "bm25", tmp_path / "mini" / "muse-small")
    renamed(tmp_path / "mini" / "muse-small", "muse-small", bare=True)
    folder = tmp_path / "mini" / f"{slug('rrf(bm25, path:m)')}--0123abcd"
    shutil.copytree(made / "mini" / "bm25", folder)
    renamed(folder, "rrf(bm25, path:m)", bare=False)
    query = next(iter(english()[1]))
    for model in ("muse-small", "rrf(bm25,path:/no/such/m)"):
        arguments = ["--model", model, "--task", "mini", "--lang", "en", "--output", tmp_path, "--query", query]
        outcome = bench("inspect", *arguments, "--json")
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["queries"] == [expected(made, query, 5)]


def renamed(folder: Path, name: str, *, bare: bool) -> str:
    """Give the result another model's name; the id of its identity."""
    entry = json.loads((folder / "entry.json").read_text())
    entry["identity"]["model"], entry["bare"] = name, bare
    (folder / "entry.json").write_text(json.dumps(entry))
    return digest(entry["identity"])[:8]


def test_several_results_of_one_name(bench: Any, made: Path, tmp_path: Path) -> None:
    ids = []
    for number in "12":
        folder = tmp_path / "mini" / f"path-m--0000000{number}"
        shutil.copytree(made / "mini" / "bm25", folder)
        entry = json.loads((folder / "entry.json").read_text())
        entry["identity"]["system"] = {"sha256": number}
        (folder / "entry.json").write_text(json.dumps(entry))
        ids.append(renamed(folder, "path:m", bare=False))
    arguments = ["inspect", "--model", "path:m", "--task", "mini", "--lang", "en", "--output", tmp_path]
    assert bench(*arguments) == (
        2,
        "",
        f"bench: path:m on mini: there are 2 results; choose with --id {ids[0]} or {ids[1]}\n",
    )
    assert json.loads(bench(*arguments, "--id", ids[1], "--json").out)["identity"] == ids[1]
    wrong = bench(*arguments, "--id", "zzzz")
    assert (wrong.code, wrong.err) == (
        2,
        f"bench: unknown result of path:m 'zzzz': no name is near it; (there are {ids[0]}, {ids[1]})\n",
    )


def test_no_results_yet(bench: Any, made: Path, tmp_path: Path) -> None:
    none = bench("inspect", *COMMAND)
    assert none == (
        3,
        "",
        f"bench: no results of bm25 on mini, en in {tmp_path}/cache/results: first\n"
        "  bench run --model bm25 --task mini --lang en\n",
    )
    arguments = [
        "--model",
        "rrf(bm25, muse-small)",
        "--task",
        "mini-x",
        "--lang",
        "sw",
        "--board",
        tmp_path / "my board",
    ]
    named = bench("inspect", *arguments, "--output", made, "--offline", "--query", "nile-1")
    assert (named.code, named.err) == (
        3,
        f"bench: no results of rrf(bm25, muse-small) on mini-x, sw in {made}: first\n"
        f"  bench run --model 'rrf(bm25, muse-small)' --task mini-x --lang sw --board '{tmp_path}/my board' "
        f"--output {made} --offline\n",
    )
    assert bench("inspect", *COMMAND[:-1], "de", "--output", made).code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*COMMAND, "--query", "nile-11"], "unknown query 'nile-11': did you mean 'nile-1' or"),
        ([*COMMAND, "--query", "nile-1", "--worst", "2"], "--query and --worst: give one of them"),
        (["--model", "bm52", *COMMAND[2:]], "unknown model 'bm52': did you mean 'bm25'? (bench models list)"),
        ([*COMMAND[:3], "mnii", *COMMAND[4:]], "unknown task 'mnii': did you mean 'mini'"),
        ([*COMMAND[:-1], "eng"], "unknown language 'eng': did you mean 'en'?"),
        ([*COMMAND, "--split", "tset"], "unknown split 'tset': did you mean 'test'? (mini has test)"),
        (["--model", "rrf(a", *COMMAND[2:]], "model expression: expected ',' or ')' here\n  rrf(a\n       ^"),
    ],
)
def test_wrong_use(bench: Any, made: Path, arguments: list[str], message: str) -> None:
    outcome = bench("inspect", *arguments, "--output", made)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"bench: {message}")


def test_a_damaged_result_is_told(bench: Any, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "mini", tmp_path / "mini")
    folder = tmp_path / "mini" / "bm25"
    (folder / "scores.parquet").write_bytes(b"PAR1")
    outcome = bench("inspect", *COMMAND, "--output", tmp_path)
    assert outcome.code == 3
    assert outcome.err.startswith(f"bench: {folder}/scores.parquet: cannot read the per-query scores: ")
    shutil.copy(folder / "en.trec.gz", folder / "de.trec.gz")
    shutil.copy(made / "mini" / "bm25" / "scores.parquet", folder / "scores.parquet")
    assert bench("inspect", *COMMAND[:-1], "de", "--output", tmp_path) == (
        3,
        "",
        f"bench: {folder}: the run of de is there without its scores; run it again\n",
    )


def test_sixty_columns_are_enough(made: Path) -> None:
    screen = on_terminal(60, "inspect", *COMMAND, "--output", made, "--worst", "2")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen)
    assert max(map(cell_len, plain.splitlines())) <= 60
    assert "…" not in plain
    texts, _ = english()
    first = trec(made)[re.search(r"query (\S+)", plain)[1]][0][0]  # type: ignore[index]
    assert texts[first][:200] in " ".join(plain.split())


def test_ties_among_the_worst_go_to_the_next_measure_and_then_to_the_id() -> None:
    values = {
        "a": {"X": 0.0, "Y": 1.0},
        "c": {"X": 0.0, "Y": 0.0},
        "b": {"X": 0.0, "Y": 0.0},
        "d": {"X": 1.0, "Y": 0.0},
    }
    assert worst(values, ["X", "Y"], 3) == ["b", "c", "a"]
    assert worst(values, ["Y", "X"], 9) == ["b", "c", "d", "a"]
