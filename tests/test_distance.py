"""How far scores are from those in float32: against arithmetic done by hand and by numpy's own float types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from toy import write_beir

import bench
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.distance import differences, said
from bench.weights import local_folder

DOCS = [(f"d{n:02}", " ".join((tiny.WORDS * 3)[n % 11 : n % 11 + 2 + n % 9])) for n in range(40)]
QUERIES = [(f"q{n}", f"{tiny.WORDS[n]} {tiny.WORDS[n + 1]}") for n in range(8)]


def test_differences_by_hand() -> None:
    plain = np.array([[0.9, 0.8, 0.1], [0.3, 0.2, 0.1]])
    other = np.array([[0.8, 0.85, 0.1], [0.3, 0.2, 0.1]])
    found = differences(plain, other)
    assert found["max"] == pytest.approx(0.1)
    assert found["mean"] == pytest.approx(0.15 / 6)
    assert found["overlap"] == 1.0  # Three documents, all of them in the top 10.
    wide = np.arange(20.0)[None]
    moved = wide.copy()
    moved[0, :2] += 100  # The two worst go to the top, and the two that were tenth and ninth leave.
    assert differences(wide, moved)["overlap"] == pytest.approx(0.8)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tiny.save_model(tmp_path / "model", tiny.word_tokenizer(), normalized=True)
    write_beir(tmp_path / "data", DOCS, QUERIES, {query: [DOCS[n][0]] for n, (query, _) in enumerate(QUERIES)})
    return tmp_path


def measured(place: Path, **options: Any) -> dict[str, Any]:
    board = place / "board"
    result = bench.run(
        f"path:{place / 'model'}",
        f"path:{place / 'data'}",
        cache=place / "cache",
        board=board,
        latency=False,
        **options,
    )
    import json

    (entry,) = (json.loads(path.read_text()) for path in (place / "cache" / "results").rglob("entry.json"))
    (block,) = entry["languages"].values()
    return {"recipe": block["recipe"], "notes": result["notes"]}


def test_bfloat16_is_measured_stored_and_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(place, dtype="bfloat16", device="cpu")
    (distance,) = found["recipe"]["distances"]
    assert distance | {"max": 0, "mean": 0, "overlap": 0} == {
        "encoder": 0, "dtype": "bfloat16", "documents": 40, "queries": 8, "max": 0, "mean": 0, "overlap": 0
    }  # fmt: skip
    scores = []
    for dtype in ("float32", "bfloat16"):
        encoder = SentenceTransformerEncoder(local_folder(place / "model"), Settings(dtype=dtype, device="cpu"))
        queries, docs = (
            encoder.encode([text for _, text in rows], side, "und").astype(np.float64)
            for side, rows in (("query", QUERIES), ("document", DOCS))
        )
        scores.append(queries @ docs.T)
    apart = np.abs(scores[0] - scores[1])
    # Other batches than the run's own: within what bfloat16 makes of that.
    assert 0 < distance["mean"] == pytest.approx(apart.mean(), rel=0.5)
    assert distance["max"] == pytest.approx(apart.max(), rel=0.5)
    assert 0.5 < distance["overlap"] <= 1
    assert any("bfloat16: scores differ from those in float32 by" in note for note in found["notes"])
    # Kept: the second time neither model is loaded.
    monkeypatch.setattr("bench.adapters.sentence_transformer.loaded", lambda *arguments: pytest.fail("loaded again"))
    assert measured(place, dtype="bfloat16", device="cpu")["recipe"]["distances"] == [distance]


def test_the_default_has_no_distance(place: Path) -> None:
    assert "distances" not in measured(place, device="cpu")["recipe"]


def test_a_model_that_memory_does_not_hold_twice_is_not_measured(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.distance.free_memory", lambda: 1000)
    found = measured(place, attention="eager", device="cpu")
    (distance,) = found["recipe"]["distances"]
    assert distance["attention"] == "eager"
    assert distance["not_measured"].startswith("in float32 it takes ")
    assert "how far its scores are from those in float32 was not measured" in said(distance)
