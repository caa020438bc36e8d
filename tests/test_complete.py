"""Folders that lack something: what the library would make up without a word is refused, and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from bench.adapters.complete import architecture, nothing_made_up, parts, refuse_incomplete, require_part
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.errors import MissingError
from bench.weights import local_folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder with a projection after its pooling: 32 dimensions to 16."""
    return tiny.save_model(tmp_path_factory.mktemp("whole") / "m", tiny.word_tokenizer(), projection=16)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "m")


def load(folder: Path) -> Any:
    return SentenceTransformerEncoder(local_folder(folder), Settings()).model


def test_a_whole_folder_is_whole(folder: Path) -> None:
    found = parts(local_folder(folder))
    assert [part.kind for part in found] == ["Transformer", "Pooling", "Dense"]
    assert (found[2].config["in_features"], found[2].config["out_features"]) == (32, 16)
    assert architecture(local_folder(folder)) == "mt5"
    assert load(folder).encode(["wolf"]).shape == (1, 16)


@pytest.mark.parametrize(
    ("lost", "lacking"),
    [
        ("1_Pooling/config.json", "1_Pooling/config.json"),
        ("2_Dense/config.json", "2_Dense/config.json"),
        ("2_Dense/model.safetensors", "2_Dense/model.safetensors or pytorch_model.bin"),
        ("config.json", "config.json"),
        (
            "model.safetensors",
            "model.safetensors or pytorch_model.bin or model.safetensors.index.json or pytorch_model.bin.index.json",
        ),
        (
            "tokenizer.json",
            "tokenizer.json or vocab.txt or vocab.json or spiece.model or sentencepiece.bpe.model or tokenizer.model",
        ),
    ],
)
def test_a_file_that_is_lost_is_named(folder: Path, lost: str, lacking: str) -> None:
    (folder / lost).unlink()
    with pytest.raises(MissingError) as caught:
        refuse_incomplete(local_folder(folder))
    message = "m: the folder of weights is not complete, and what it lacks would be made up: "
    assert str(caught.value) == message + lacking
    with pytest.raises(MissingError, match="is not complete"):
        load(folder)


def without(folder: Path, place: str, drop: Callable[[str], bool]) -> list[str]:
    """Takes tensors out of a checkpoint, and gives their names."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / place)
    dropped = [name for name in tensors if drop(name)]
    save_file({k: v for k, v in tensors.items() if k not in dropped}, folder / place, metadata={"format": "pt"})
    return dropped


def test_weights_that_a_checkpoint_lacks_are_named_where_the_library_is_silent(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    (lost,) = without(
        folder, "model.safetensors", lambda name: name.endswith("layer.0.SelfAttention.q.weight") and "1" in name
    )
    SentenceTransformer(str(folder), device="cpu")  # What this test is about: it loads.
    with pytest.raises(MissingError) as caught:
        load(folder)
    assert str(caught.value) == f"m: the checkpoint lacks {lost}: the library would fill in random values"


def test_of_many_lost_weights_three_are_named(folder: Path) -> None:
    lost = without(folder, "model.safetensors", lambda name: name.startswith("encoder.block.1."))
    assert len(lost) > 4
    with pytest.raises(MissingError, match=rf"and {len(lost) - 3} more: the library would fill in random values$"):
        load(folder)


def test_a_projection_without_its_weights_does_not_load(folder: Path) -> None:
    assert without(folder, "2_Dense/model.safetensors", lambda name: name == "linear.weight")
    with pytest.raises(MissingError, match=r"(?s)^m: cannot load these weights: .*linear\.weight"):
        load(folder)


def test_what_reaches_no_vector_may_be_missing(tmp_path: Path) -> None:
    """A BERT saved with another head has no pooler, and pooling passes it by."""
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = tiny.word_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    assert load(tmp_path / "bert").encode(["wolf"]).shape == (1, 16)
    with (
        pytest.raises(MissingError, match=r"x: the checkpoint lacks pooler\.dense\.bias, pooler\.dense\.weight: "),
        nothing_made_up("x", ()),
    ):
        from transformers import AutoModel

        AutoModel.from_pretrained(tmp_path / "bert")


def test_watching_the_loading_leaves_the_library_as_it_was(folder: Path) -> None:
    from transformers import MT5EncoderModel, PreTrainedModel

    before = PreTrainedModel.__dict__["from_pretrained"].__func__
    with nothing_made_up("m"):
        _, info = MT5EncoderModel.from_pretrained(folder, output_loading_info=True)
        assert not info["missing_keys"]
    assert PreTrainedModel.__dict__["from_pretrained"].__func__ is before
    with pytest.raises(OSError, match="nowhere"), nothing_made_up("m"):
        MT5EncoderModel.from_pretrained(folder / "nowhere", local_files_only=True)
    assert PreTrainedModel.__dict__["from_pretrained"].__func__ is before


def test_a_head_must_be_listed(whole: Path, tmp_path: Path) -> None:
    assert require_part(local_folder(whole), ["Dense"], "projection").path == "2_Dense"
    plain = tiny.save_encoder(tmp_path / "plain", tiny.word_tokenizer())
    for folder, kinds, what in (
        (whole, ["SpladePooling", "SparseAutoEncoder"], "sparse head"),
        (plain, ["Dense"], "projection"),
    ):
        with pytest.raises(MissingError) as caught:
            require_part(local_folder(folder), kinds, what)
        assert str(caught.value) == (
            f"{folder.name}: the folder has no {what} (no module {' or '.join(kinds)} in modules.json): "
            "the library would fill in a random one"
        )


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "1_Pooling/../../elsewhere"])
def test_a_module_lies_inside_its_folder(folder: Path, path: str) -> None:
    rows = json.loads((folder / "modules.json").read_text())
    rows[1]["path"] = path
    (folder / "modules.json").write_text(json.dumps(rows))
    with pytest.raises(MissingError, match=rf"^m: modules.json: the module '{path}' lies outside of the folder$"):
        refuse_incomplete(local_folder(folder))


@pytest.mark.parametrize("content", ["{}", "[{}]", "[1]", "["])
def test_a_damaged_list_of_modules(folder: Path, content: str) -> None:
    (folder / "modules.json").write_text(content)
    if content == "{}":  # No module is listed: the transformer in the folder is what counts.
        assert parts(local_folder(folder)) == ()
        return
    with pytest.raises(MissingError, match="expected a list of modules, each with type and path"):
        parts(local_folder(folder))
