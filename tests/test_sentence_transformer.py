"""The sentence-transformers adapter: what reaches the tokenizer, what pools, what is cut, and that the recipe says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from bench.adapters.loaded import set_lengths, set_pooling
from bench.adapters.own import OwnEncoder
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.errors import InputError, MissingError
from bench.model import Lengths, Sides
from bench.weights import local_folder

TEXTS = ["star planet", "wolf", "tiger whale river lake", "comet " * 9]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`own`: prompts, cosine and lengths of its own; `bare`: nothing stated; `plain`: a transformer without modules.json."""
    root = tmp_path_factory.mktemp("models")
    tokenizer = tiny.word_tokenizer()
    prompts = {"query": "river ", "document": "lake "}
    tiny.save_model(root / "own", tokenizer, prompts=prompts, lengths=(64, 256), similarity="cosine")
    tiny.save_model(root / "bare", tokenizer)
    tiny.save_encoder(root / "plain", tokenizer)
    return root


def encoder(folder: Path, **settings: Any) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(local_folder(folder), Settings(**settings))


def library(folder: Path, pooling: str | None = None) -> Any:
    """The library's model; for a pooling of its own, put together by hand."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    if pooling is None:
        return SentenceTransformer(str(folder), device="cpu")
    return SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32, pooling_mode=pooling)], device="cpu")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What each batch's tokenizer call decodes to: the texts as the model sees them, specials and padding left out."""
    from sentence_transformers import SentenceTransformer

    batches: list[list[str]] = []
    original = SentenceTransformer.preprocess

    def watched(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        features = original(self, inputs, *args, **kwargs)
        batches.append(self.tokenizer.batch_decode(features["input_ids"], skip_special_tokens=True))
        return features

    monkeypatch.setattr(SentenceTransformer, "preprocess", watched)
    yield batches


@pytest.mark.parametrize(
    ("folder", "prompts", "query", "document"),
    [
        ("own", None, "river ", "lake "),
        ("own", Sides(query="star ", document=""), "star ", ""),
        ("own", Sides(), "", ""),
        ("bare", None, "", ""),
        ("bare", Sides(query="wheat rice ", document="maize "), "wheat rice ", "maize "),
    ],
)
def test_the_stated_prompt_is_what_reaches_the_tokenizer(
    folders: Path, seen: list[list[str]], folder: str, prompts: Sides | None, query: str, document: str
) -> None:
    model = encoder(folders / folder, prompts=prompts)
    assert [model.recipe("query")["prompt"], model.recipe("document")["prompt"]] == [query, document]
    model.encode(["wolf"], "query", "en")
    model.encode(["tiger whale", "wolf"], "document", "en")
    assert seen == [[f"{query}wolf"], [f"{document}tiger whale", f"{document}wolf"]]
    assert model.rendered("wolf", "query") == f"{query}wolf </s>"


@pytest.mark.parametrize("key", ["passage", "corpus"])
def test_a_folder_may_call_its_document_prompt_otherwise(
    folders: Path, tmp_path: Path, seen: list[list[str]], key: str
) -> None:
    folder = shutil.copytree(folders / "own", tmp_path / "model")
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text()) | {"prompts": {key: "maize "}, "default_prompt_name": key}
    path.write_text(json.dumps(config))
    model = encoder(folder)
    model.encode(["wolf"], "document", "en")
    model.encode(["wolf"], "query", "en")
    assert seen == [["maize wolf"], ["wolf"]]
    # The library documents the same fallback; 6.2 never comes to it, since it adds an empty `document` of its own.
    expected = unit(library(folder).encode_document(TEXTS, prompt="maize "))
    np.testing.assert_allclose(model.encode(TEXTS, "document", "en"), expected, atol=1e-6)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("folder", "lengths", "query", "document"),
    [
        ("own", Lengths(), 64, 256),
        ("own", Lengths(query=32), 32, 256),
        ("own", Lengths(document=100), 64, 100),
        ("own", Lengths(query=20, document=20), 20, 20),
        ("bare", Lengths(), 512, 512),
        ("bare", Lengths(query=48, document=96), 48, 96),
        ("bare", Lengths(query=40, document=40), 40, 40),
        ("plain", Lengths(), 512, 512),
    ],
)
def test_each_side_is_cut_at_its_own_length_and_the_recipe_says_it(
    folders: Path, monkeypatch: pytest.MonkeyPatch, folder: str, lengths: Lengths, query: int, document: int
) -> None:
    from sentence_transformers import SentenceTransformer

    model = encoder(folders / folder, max_length=lengths, prompts=Sides())
    assert [model.recipe("query")["max_length"], model.recipe("document")["max_length"]] == [query, document]
    shapes = []
    original = SentenceTransformer.preprocess

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        shapes.append(original(self, *args, **kwargs)["input_ids"].shape[1])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(SentenceTransformer, "preprocess", watched)
    model.encode(["wolf " * 600], "query", "en")
    model.encode(["wolf " * 600], "document", "en")
    assert shapes == [query, document]
    # A text of as many tokens as fit, `</s>` included, is whole; one more word is too many.
    for side, limit in (("query", query), ("document", document)):
        count = model.count_tokens(["wolf " * (limit - 1), "wolf " * limit, "wolf"], side)  # type: ignore[arg-type]
        assert (count.lengths.tolist(), count.truncated) == ([limit, limit, 2], 1)


def test_lengths_for_each_side_need_a_model_that_has_two(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(max_length=Lengths(query=48))

    class One(list[Any]):
        max_seq_length = 512

    with pytest.raises(InputError, match="bare: its card gives the sides different lengths; the model has one"):
        set_lengths(One([object()]), local_folder(folders / "bare"), settings)


def test_unknown_and_cut_tokens_are_counted(folders: Path) -> None:
    model = encoder(folders / "own", max_length=Lengths(query=6, document=6))
    # With the prompt `lake` and `</s>`: 3, 4, 6 (just fits) and 9 tokens; of the last `lake x y wolf z </s>` is seen.
    texts = ["wolf", "wolf x", "x wolf y star", "x y wolf z u v w"]
    count = model.count_tokens(texts, "document")
    assert count.lengths.tolist() == [3, 4, 6, 6]
    assert count.truncated == 1
    assert count.unknown == 0 + 1 + 2 + 3


def test_shares_of_a_run_are_those_of_its_texts(folders: Path, tmp_path: Path) -> None:
    import toy

    import bench

    docs = [("d1", "wolf x"), ("d2", "tiger"), ("d3", "x y z x y z x y z"), ("d4", "whale")]
    task = toy.write_beir(
        tmp_path / "tiny-task", docs, [("q1", "wolf"), ("q2", "u tiger")], {"q1": ["d1"], "q2": ["d2"]}
    )
    cards = tmp_path / "cards" / "models"
    cards.mkdir(parents=True)
    (cards / "small.yaml").write_text(
        "name: small\nkind: dense\ndescription: d\nlicence: CC0-1.0\nlanguages: any\n"
        "max_length: {query: 8, document: 8}\nprompts: {query: 'star ', document: ''}\nprompts_source: made up\n"
    )
    bench.run(
        "small",
        f"path:{task}",
        weights=folders / "bare",
        cards=cards.parent,
        cache=tmp_path / "cache",
        output=tmp_path / "out",
    )
    (entry,) = (tmp_path / "out").rglob("entry.json")
    (sides,) = json.loads(entry.read_text())["languages"]["und"]["recipe"]["encoders"]
    # Tokens seen, with `</s>`: documents 3, 2, 8 (of 10), 2, of which 1 + 7 unknown; queries 3 and 4, of which 1.
    assert (sides["document"]["tokens"], sides["query"]["tokens"]) == (15, 7)
    assert sides["document"]["truncated"] == pytest.approx(1 / 4)
    assert sides["document"]["unknown_tokens"] == pytest.approx(8 / 15)
    assert seen_unknown(folders / "bare", docs[2][1], 8) == 7
    assert sides["query"]["truncated"] == 0
    assert sides["query"]["unknown_tokens"] == pytest.approx(1 / 7)
    assert sides["query"]["rendered"].startswith("star")


def seen_unknown(folder: Path, text: str, limit: int) -> int:
    """Unknown tokens among those that the library's own truncation leaves."""
    model = library(folder)
    model.max_seq_length = limit
    ids = model.preprocess([text])["input_ids"][0].tolist()
    assert len(ids) == limit
    return ids.count(model.tokenizer.unk_token_id)


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken", "max"])
@pytest.mark.parametrize("folder", ["plain", "bare"])
def test_the_cards_pooling_is_what_pools(folders: Path, folder: str, pooling: str) -> None:
    model = encoder(folders / folder, pooling=pooling, similarity="dot")
    expected = library(folders / "plain", pooling).encode(TEXTS)
    np.testing.assert_allclose(model.encode(TEXTS, "document", "en"), expected, atol=1e-5 * np.abs(expected).max())
    assert model.recipe("query")["pooling"] == pooling


def test_a_plain_folder_is_pooled_as_the_library_does_and_says_so(folders: Path, tmp_path: Path) -> None:
    assert encoder(folders / "plain").recipe("query")["pooling"] == "mean"
    found = encoder(folders / "plain", similarity="dot").encode(TEXTS, "query", "en")
    np.testing.assert_allclose(found, library(folders / "plain", "mean").encode(TEXTS), rtol=1e-4, atol=1e-4)
    causal = shutil.copytree(folders / "plain", tmp_path / "causal")
    config = json.loads((causal / "config.json").read_text()) | {"architectures": ["SomeForCausalLM"]}
    (causal / "config.json").write_text(json.dumps(config))
    assert encoder(causal).recipe("query")["pooling"] == "lasttoken"


def test_pooling_needs_something_that_pools(folders: Path) -> None:
    settings = Settings(pooling="cls")
    with pytest.raises(InputError, match="bare: its card says `pooling: cls`, and the model has no pooling"):
        set_pooling([object()], local_folder(folders / "bare"), settings)


def test_similarity_is_the_cards_else_the_folders_else_cosine(folders: Path, tmp_path: Path) -> None:
    raw = library(folders / "bare").encode(TEXTS)
    dot = encoder(folders / "bare", similarity="dot")
    np.testing.assert_allclose(dot.encode(TEXTS, "query", "en"), raw, atol=1e-5 * np.abs(raw).max())
    for cosine in (encoder(folders / "bare"), encoder(folders / "bare", similarity="cosine")):
        np.testing.assert_allclose(cosine.encode(TEXTS, "query", "en"), unit(raw), atol=1e-6)
    assert [dot.recipe("query")["similarity"], cosine.recipe("query")["similarity"]] == ["dot", "cosine"]
    folder = shutil.copytree(folders / "own", tmp_path / "model")
    path = folder / "config_sentence_transformers.json"
    path.write_text(path.read_text().replace('"cosine"', '"dot"'))
    assert encoder(folder).recipe("query")["similarity"] == "dot"
    path.write_text(path.read_text().replace('"dot"', '"manhattan"'))
    with pytest.raises(InputError, match="model: its similarity is 'manhattan'; a card can say"):
        encoder(folder)
    assert encoder(folder, similarity="dot").recipe("query")["similarity"] == "dot"


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_half_precision_is_near_the_full_one_and_of_full_length(folders: Path, similarity: str) -> None:
    full = encoder(folders / "bare", similarity=similarity).encode(TEXTS, "document", "en")
    model = encoder(folders / "bare", similarity=similarity, dtype="bfloat16")
    half = model.encode(TEXTS, "document", "en")
    assert half.dtype == full.dtype == np.float32
    assert str(next(model.model.parameters()).dtype) == "torch.bfloat16"
    assert not np.array_equal(half, full)
    assert (np.sum(unit(half) * unit(full), axis=1) > 0.999).all()
    if similarity == "cosine":
        np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)


def test_the_recipe_changes_with_everything_that_makes_the_vectors(folders: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folders / "own", tmp_path / "own")
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text().replace('"river"', '"brook"'))
    same = shutil.copytree(folders / "own", tmp_path / "under another name")
    (same / "README.md").write_text("says nothing of the weights")
    own = encoder(folders / "own")
    assert encoder(same).recipe("query") == own.recipe("query")
    variants = [
        own,
        encoder(other),
        encoder(folders / "own", prompts=Sides(query="river", document="lake")),
        encoder(folders / "own", pooling="cls"),
        encoder(folders / "own", pooling="mean"),
        encoder(folders / "own", similarity="dot"),
        encoder(folders / "own", max_length=Lengths(query=63, document=255)),
        encoder(folders / "own", dtype="bfloat16"),
        encoder(folders / "bare", prompts=Sides(query="river ", document="lake ")),
    ]
    recipes = [json.dumps(model.recipe(side), sort_keys=True) for model in variants for side in ("query", "document")]  # type: ignore[arg-type]
    assert len(set(recipes)) == 2 * len(variants)


def test_recipe_and_digest_load_no_model(folders: Path) -> None:
    code = f"""
import json, sys
from pathlib import Path
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.weights import local_folder
print(json.dumps(SentenceTransformerEncoder(local_folder(Path({str(folders / "own")!r})), Settings()).recipe("query")))
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    recipe, modules = map(json.loads, done.stdout.splitlines())
    assert recipe == encoder(folders / "own").recipe("query")
    assert not {"torch", "transformers", "sentence_transformers", "tokenizers"} & set(modules)


def test_damaged_weights_are_named(folders: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(folders / "own", tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(MissingError, match=r"^broken: cannot load these weights: "):
        encoder(folder).encode(TEXTS, "query", "en")
    (folder / "config_sentence_transformers.json").write_text("[]")
    with pytest.raises(MissingError, match="expected a JSON object; the folder of weights is damaged"):
        encoder(folder)


def test_a_model_in_training_is_given_back_as_it_was(folders: Path) -> None:
    import torch

    model = library(folders / "own")
    model.train()
    frozen = model[0].model.encoder.block[0]
    frozen.eval()
    before = {name: module.training for name, module in model.named_modules()}
    assert set(before.values()) == {True, False}
    vectors = OwnEncoder(model, "mine").encode(TEXTS, "query", "en")
    assert {name: module.training for name, module in model.named_modules()} == before
    # Encoded without dropout: as the model in its resting state does.
    expected = unit(library(folders / "own").encode_query(TEXTS))
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert not any(parameter.grad is not None for parameter in model.parameters())
    assert torch.is_grad_enabled()
