"""Code of a model's own: off unless it is trusted; then it runs, and the recipe says which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from console import call

from bench.adapters.remote_code import code_of, pinned_code
from bench.errors import InputError, MissingError
from bench.registry import Registry
from bench.system import Options, System, resolve
from bench.weights import local_folder

CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

class OwnConfig(PretrainedConfig):
    model_type = "own-make"

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.rows = torch.nn.Embedding(32, 8)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, **more):
        return BaseModelOutput(last_hidden_state=self.rows(input_ids))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of its own make: one row a token, and the code that says so beside it."""
    import torch
    from safetensors.torch import save_file
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    place = tmp_path / "own"
    tiny.word_tokenizer().save_pretrained(place)
    auto = {"AutoConfig": "own_make.OwnConfig", "AutoModel": "own_make.OwnModel"}
    config = {"model_type": "own-make", "architectures": ["OwnModel"], "auto_map": auto, "hidden_size": 8}
    (place / "config.json").write_text(json.dumps(config))
    (place / "own_make.py").write_text(CODE)
    rows = torch.arange(32 * 8, dtype=torch.float32).reshape(32, 8)
    save_file({"rows.weight": rows}, place / "model.safetensors", metadata={"format": "pt"})
    return place


def system(folder: Path, **options: Any) -> System:
    return resolve(f"path:{folder}", Registry(), Options(offline=True, device="cpu", **options))


def test_it_does_not_run_unasked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = system(folder)
    assert "remote_code" not in found.identity["query"]
    with pytest.raises(InputError) as caught:
        found.encoders[0].encode(["wolf"], "query", "en")
    assert str(caught.value) == "own: brings code of its own, which runs only with --trust-remote-code; read it first"
    outcome = call(capsys, "models", "verify", f"path:{folder}", "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.endswith("runs only with --trust-remote-code; read it first\n")


def test_trusted_it_runs_and_is_recorded(folder: Path) -> None:
    found = system(folder, trust_remote_code=True)
    assert found.identity["query"]["remote_code"] == {".": "in the folder"}
    vectors = found.encoders[0].encode(["wolf wolf"], "query", "en")
    tokenizer = tiny.word_tokenizer()
    wolf, end = tokenizer("wolf")["input_ids"]
    mean = np.mean([np.arange(8) + 8.0 * i for i in (wolf, wolf, end)], axis=0)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-6)
    other = system(folder, trust_remote_code=True).identity
    (folder / "own_make.py").write_text(CODE + "# another line\n")
    assert system(folder, trust_remote_code=True).identity != other  # The code is part of what is digested.


def test_a_card_may_say_so_before_anything_is_loaded(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.yaml").write_text(
        "name: mine\nkind: dense\ndescription: d\nlicence: MIT\nlanguages: any\nremote_code: true\n"
    )
    registry = Registry(tmp_path)
    with pytest.raises(
        InputError, match=r"^mine: own brings code of its own, which runs only with --trust-remote-code; read it first$"
    ):
        resolve("mine", registry, Options(weights=(folder,)))
    assert resolve("mine", registry, Options(weights=(folder,), trust_remote_code=True)).cards[0].name == "mine"
    plain = tiny.save_encoder(tmp_path / "plain", tiny.word_tokenizer())
    assert resolve("mine", registry, Options(weights=(plain,))).identity  # This folder has none.


def test_code_from_another_repository_is_pinned(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for auto, places in [
        ({"AutoModel": "acme/code--own_make.OwnModel", "AutoConfig": "own_make.OwnConfig"}, (".", "acme/code")),
        ({"AutoModel": "acme/code--own_make.OwnModel", "AutoTokenizer": ["acme/other--t.T", None]}, ("acme/code", "acme/other")),
        ({}, ()),
    ]:  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config | {"auto_map": auto}))
        assert code_of(local_folder(folder)) == places
    assert pinned_code(local_folder(folder), trusted=True, offline=True) is None
    (folder / "config.json").write_text(
        json.dumps(config | {"auto_map": {"AutoModel": "acme/code--own_make.OwnModel"}})
    )
    assert pinned_code(local_folder(folder), trusted=False, offline=True) is None
    with pytest.raises(MissingError, match="hf:acme/code: not in the local cache"):
        pinned_code(local_folder(folder), trusted=True, offline=True)
