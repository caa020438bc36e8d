"""`bench models verify`: what it prints of a model is what the model does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import heads
import numpy as np
import pytest
import tiny
from console import call
from stub import Stub, vector

from bench.system.verify import DOCUMENT, OTHER, QUERY

WORDS = list(dict.fromkeys(f"{QUERY} {DOCUMENT} {OTHER} query: passage: river lake".split()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = {"query": "query: ", "document": "passage: "}
    root = tmp_path_factory.mktemp("verify")
    return tiny.save_model(root / "m", tiny.word_tokenizer(WORDS), prompts=prompts, lengths=(64, 12), similarity="dot")


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


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, tokenizer = tmp_path_factory.mktemp("families"), tiny.word_tokenizer(WORDS)
    heads.save_colbert(root / "colbert", tokenizer, (6, 24))
    heads.save_splade(root / "splade", tokenizer)
    heads.save_bge_m3(root / "bge-m3", tokenizer)
    heads.save_bert(root / "cross", tokenizer, "BertForSequenceClassification", num_labels=1)
    return root


def looked(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    outcome = call(capsys, "models", "verify", *arguments, "--offline", "--json")
    assert outcome.code == 0, outcome.err
    return dict(json.loads(outcome.out))


def test_token_vectors_and_terms_are_counted(families: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers import MultiVectorEncoder, SparseEncoder

    (late,) = looked(capsys, f"late:{families}/colbert")["encoders"]
    model = MultiVectorEncoder(str(families / "colbert"), device="cpu")
    queries, documents = model.encode_query([QUERY]), model.encode_document([DOCUMENT, OTHER])
    assert late["sides"]["query"]["sent"] == "river " + " ".join(QUERY.split()[:4]) + " </s>"
    assert (late["sides"]["query"]["tokens"], late["sides"]["query"]["vectors"]) == (6, len(queries[0]))
    assert list(late["scores"].values()) == pytest.approx(model.similarity(queries, documents)[0].tolist(), rel=1e-5)
    (sparse,) = looked(capsys, f"sparse:{families}/splade")["encoders"]
    row = SparseEncoder(str(families / "splade"), device="cpu").encode_query([QUERY]).to_dense()[0]
    assert sparse["sides"]["query"]["terms"] == int((row != 0).sum())
    assert sparse["sides"]["query"]["norm"] == pytest.approx(float(row.norm()), rel=1e-5)
    # Of BGE-M3 the score is the mean over the query's vectors, each at most 1.
    own = ("bge-m3-colbert", "--weights", families / "bge-m3", "--allow-pickle")
    assert all(abs(score) <= 1 for score in looked(capsys, *own)["encoders"][0]["scores"].values())


def test_a_re_ranker_is_given_a_pair(families: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    found = looked(capsys, f"cross:{families}/cross")
    assert (found["model"], found["encoders"]) == ("bm25 >> cross:cross", [])
    (stage,) = found["stages"]
    model = CrossEncoder(str(families / "cross"), device="cpu")
    scores = model.predict([(QUERY, DOCUMENT), (QUERY, OTHER)], activation_fn=Identity())
    assert list(stage["scores"].values()) == pytest.approx(scores.tolist(), rel=1e-5)
    ids = model.tokenizer(QUERY, DOCUMENT)["input_ids"]
    assert (stage["pair"]["sent"], stage["pair"]["tokens"]) == (model.tokenizer.decode(ids), len(ids))
    assert stage["pairs_per_second"] > 0
    assert stage["environment"]["device"] == "cpu"
    # Behind another system the encoders of both are looked at.
    both = looked(capsys, f"rrf(bm25, path:{families}/bge-m3) >> late:{families}/colbert >> cross:{families}/cross[5]")
    assert [row["adapter"] for row in both["encoders"]] == ["sentence-transformers", "multi-vector-encoder"]
    assert [row["adapter"] for row in both["stages"]] == ["cross-encoder"]
    outcome = call(capsys, "models", "verify", f"cross:{families}/cross", "--offline")
    assert repr(stage["pair"]["sent"])[:40] in outcome.out
    assert "pairs/s" in outcome.out
    missing = call(capsys, "models", "verify", "bge-reranker-v2-m3", "--offline")
    assert (missing.code, "BAAI/bge-reranker-v2-m3" in missing.err) == (3, True)


def test_an_endpoint_says_what_it_was_sent_and_charges_for(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    (remote,) = looked(capsys, f"openai:{stub.url}#m@1")["encoders"]
    assert [side["sent"] for side in remote["sides"].values()] == [QUERY, DOCUMENT]
    assert [side["tokens"] for side in remote["sides"].values()] == [1, 1]  # The stub charges one for a text.
    unit = [np.array(vector(text)) / np.linalg.norm(vector(text)) for text in (QUERY, DOCUMENT)]
    assert remote["scores"]["answer"] == pytest.approx(float(unit[0] @ unit[1]), abs=1e-6)
    stub.saying(lambda question: "[2] > [1]" if question.startswith("Below") else "a made-up answer")
    (llm,) = looked(capsys, f"llm:{stub.url}#m@1")["stages"]
    assert llm["pair"]["sent"] == stub.requests[-1]["messages"][0]["content"]
    assert llm["scores"] == {"answer": 1.0, "other": 2.0}
    (rewriter,) = looked(capsys, f"query2doc(bm25, llm={stub.url}#m@1)")["stages"]
    assert rewriter["rewritten"] == f"{QUERY} a made-up answer"
    assert rewriter["pair"]["sent"] == stub.requests[-1]["messages"][0]["content"]
