"""`bench models verify`: what it prints of a model is what the model does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from console import call

from bench.system.verify import DOCUMENT, OTHER, QUERY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = list(dict.fromkeys(f"{QUERY} {DOCUMENT} {OTHER} query: passage:".split()))
    prompts = {"query": "query: ", "document": "passage: "}
    root = tmp_path_factory.mktemp("verify")
    return tiny.save_model(root / "m", tiny.word_tokenizer(words), prompts=prompts, lengths=(64, 12), similarity="dot")


def test_it_says_what_was_sent_and_what_came_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers import SentenceTransformer

    outcome = call(capsys, "models", "verify", f"path:{folder}", "--offline", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert (found["model"], found["unresolved"]) == ("path:m", None)
    (encoder,) = found["encoders"]
    query, document = encoder["sides"]["query"], encoder["sides"]["document"]
    assert query["sent"] == f"query: {QUERY} </s>"
    assert query["tokens"] == len(QUERY.split()) + 2
    assert (document["tokens"], document["max_length"]) == (12, 12)
    assert document["sent"] == " ".join(f"passage: {DOCUMENT}".split()[:11]) + " </s>"
    model = SentenceTransformer(str(folder), device="cpu")
    vector, rows = model.encode_query([QUERY])[0], model.encode_document([DOCUMENT, OTHER])
    assert (query["dimension"], document["dimension"]) == (32, 32)
    assert query["norm"] == pytest.approx(np.linalg.norm(vector), rel=1e-4)
    assert document["norm"] == pytest.approx(np.linalg.norm(rows[0]), rel=1e-4)
    assert [encoder["scores"]["answer"], encoder["scores"]["other"]] == pytest.approx(list(rows @ vector), rel=1e-4)
    assert encoder["texts_per_second"] > 0
    assert len(query["weights"]["sha256"]) == 64


def test_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "models", "verify", f"path:{folder}", "--offline")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in outcome.out.splitlines() if line.split()}
    assert outcome.code == 0
    assert lines["query"] == repr(f"query: {QUERY} </s>")
    assert lines["tokens"] == "12 (limit 12)"
    assert lines["dimension"] == "32"
    assert "texts/s" in lines["speed"]


def test_two_towers_a_lexical_model_and_a_missing_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny.save_encoder(tmp_path / "p", tiny.word_tokenizer(), seed=3)
    arguments = ("models", "verify", "swim-x", "--weights", f"{folder},{other}", "--dtype", "bfloat16", "--json")
    (encoder,) = json.loads(call(capsys, *arguments).out)["encoders"]
    digests = {side["weights"]["sha256"] for side in encoder["sides"].values()}
    assert len(digests) == 2
    assert encoder["sides"]["query"]["norm"] == pytest.approx(1, abs=1e-6)
    assert json.loads(call(capsys, "models", "verify", "bm25", "--json").out)["encoders"] == []
    assert "nothing to load" in call(capsys, "models", "verify", "bm25").out
    assert call(capsys, "models", "verify", "swim-x").code == 3
    assert call(capsys, "models", "verify", "swimx").err == (
        "bench: unknown model 'swimx': did you mean 'swim-x'? (bench models list)\n"
    )
