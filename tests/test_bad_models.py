"""Models that cannot be run: what the command line says, with which exit code, and that nothing is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from badmodels import Bench, english, refused

from bench.registry import Registry


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return english(tmp_path, capsys)


def test_weights_of_another_architecture(bench: Bench, folders: Path, tmp_path: Path) -> None:
    known = Registry().model("swim-x").weights
    assert known is not None
    message = f"swim-x: bert: expected weights of the model_type {' or '.join(known.architectures)}, found bert"
    refused(bench, tmp_path, 2, message, "swim-x", "--weights", folders / "bert")
    refused(bench, tmp_path, 3, "dense: the checkpoint lacks", f"bm25 >> cross:{folders}/dense", "--lang", "en")


@pytest.mark.parametrize(
    ("model", "lost", "lacking"),
    [
        ("path:{}/bert", "tokenizer.json", "tokenizer.json or vocab.txt"),
        ("bm25 >> cross:{}/cross", "tokenizer.json", "tokenizer.json or vocab.txt"),
        ("path:{}/bert", "model.safetensors", "model.safetensors or pytorch_model.bin"),
        ("path:{}/dense", "2_Dense/model.safetensors", "2_Dense/model.safetensors or pytorch_model.bin"),
    ],
)
def test_a_folder_without_its_tokenizer_or_weights(
    bench: Bench, folders: Path, tmp_path: Path, model: str, lost: str, lacking: str
) -> None:
    name = model.rpartition("/")[2]
    (folders / name / lost).unlink()
    message = f"{name}: the folder of weights is not complete, and what it lacks would be made up: {lacking}"
    refused(bench, tmp_path, 3, message, model.format(folders))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no such folder of weights"),
        (
            lambda folder: [path.unlink() for path in folder.glob("*.json")],
            "neither modules.json nor config.json there",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: not strict JSON"),
        (lambda folder: (folder / "config.json").write_text("[1]"), "expected a JSON object; the folder of weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 64), "bert: cannot load these weights"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "bert: cannot load these weights"),
    ],
)
def test_a_folder_that_is_damaged(
    bench: Bench, folders: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    damage(folders / "bert")
    refused(bench, tmp_path, 3, message, f"path:{folders}/bert")


def test_a_prompt_that_the_model_lacks(bench: Bench, folders: Path, tmp_path: Path) -> None:
    path = folders / "dense" / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"default_prompt_name": "search"}))
    refused(
        bench,
        tmp_path,
        3,
        "dense: config_sentence_transformers.json: default_prompt_name: 'search' is none of its prompts: document, query",
        f"path:{folders}/dense",
    )
    path.write_text(json.dumps(config | {"prompts": {"query": 7}}))
    refused(bench, tmp_path, 3, "dense: config_sentence_transformers.json: prompts", f"path:{folders}/dense")
    (tmp_path / "cards" / "models").mkdir(parents=True)
    card = "name: mine\nkind: dense\ndescription: d\nlicence: MIT\nlanguages: any\nprompts: {passage: 'p: '}\n"
    (tmp_path / "cards" / "models" / "mine.yaml").write_text(card)
    message = "models/mine.yaml: prompts.passage: unknown key; known are query, document"
    refused(bench, tmp_path, 2, message, "mine", "--cards", tmp_path / "cards", "--weights", folders / "dense")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("rrf(bm25, muse-small", "expected ',' or ')' here\n  rrf(bm25, muse-small\n                      ^"),
        ("bm25 >> ", "expected a stage, such as cross:NAME or prf(3) here\n  bm25 >>\n         ^"),
        ("bm25 > cross:x", "expected '>>' here\n  bm25 > cross:x\n       ^"),
        ("'bm25", "the quote that opens here is not closed\n  'bm25\n  ^"),
        ("bm25 >> late:x[0]", "expected a number of documents and ']' here, such as [50]\n"),
        ("sum(bm25*, muse-small)", "expected a weight here, such as 0.3\n  sum(bm25*, muse-small)\n           ^"),
    ],
)
def test_an_expression_that_does_not_parse(bench: Bench, tmp_path: Path, model: str, message: str) -> None:
    refused(bench, tmp_path, 2, message, model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("cross:bge-reranker-v2-m3", "cross: re-ranks what another model finds: a >> cross:NAME[100]"),
        (
            "bge-reranker-v2-m3",
            "bge-reranker-v2-m3: a cross-encoder re-ranks what another model finds: a >> cross:bge-reranker-v2-m3[100]",
        ),
        ("rrf(bm25, bge-reranker-v2-m3)", "a cross-encoder re-ranks what another model finds"),
        ("llm:http://localhost/v1#m", "llm: re-ranks what another model finds: a >> llm:URL#MODEL[100]"),
        (
            "mteb:cross-encoder/ms-marco-MiniLM-L6-v2",
            "mteb has it as cross-encoder: it re-ranks what another model finds: "
            "a >> cross:mteb:cross-encoder/ms-marco-MiniLM-L6-v2[100]",
        ),
        ("mteb:naver/splade-v3", "mteb has it as sparse: sparse:naver/splade-v3 runs it"),
        ("bm25 >> cross:muse-small", "the model 'muse-small' is of the kind embedded, not cross"),
        (
            "bm25 >> cross:mteb:intfloat/multilingual-e5-small",
            "cross:mteb:intfloat/multilingual-e5-small: mteb has it as dense: no cross-encoder",
        ),
        ("bm25 >> cross:mteb:nobody/nothing", "unknown model of mteb 'nobody/nothing'"),
        (
            "mteb:mteb/baseline-hybrid-rrf-baseline-bm25s-multilingual-e5-small",
            "mteb has it as hybrid: only dense models and its bm25 are run so",
        ),
    ],
)
def test_a_model_in_the_wrong_place(bench: Bench, tmp_path: Path, model: str, message: str) -> None:
    refused(bench, tmp_path, 2, message, model)


def test_what_only_the_network_has(bench: Bench, tmp_path: Path) -> None:
    message = "hf:cross-encoder/ms-marco-MiniLM-L6-v2@c5ee24cb16019beea0893ab7796b1df96625c6b8: not in the local cache"
    refused(bench, tmp_path, 3, message, "bm25 >> cross:mteb:cross-encoder/ms-marco-MiniLM-L6-v2")
    refused(
        bench,
        tmp_path,
        3,
        "mteb:mteb/baseline-bm25s-subword: mteb's loader failed",
        "mteb:mteb/baseline-bm25s-subword",
    )
