"""Weights and cards that are not to be trusted: no pickle is opened unasked, and no name leads out of its folder."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from badmodels import Bench, english, refused

from bench.adapters.pickled import pickles
from bench.cards import one_name, parse_card, path_inside
from bench.errors import InputError, MissingError
from bench.model import Model
from bench.registry import Registry
from bench.system import Options, resolve
from bench.weights import hub, local_folder


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return english(tmp_path, capsys)


def pickled(folder: Path, *files: str) -> Path:
    """The folder with some safetensors as the pickles that older checkpoints have."""
    import torch
    from safetensors.torch import load_file

    for name in files:
        path = folder / name
        torch.save(load_file(path), path.with_name("pytorch_model.bin"))
        path.unlink()
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "2_Dense/model.safetensors"])
def test_pickled_weights_are_read_only_if_they_are_asked_for(
    bench: Bench, folders: Path, whole: Path, tmp_path: Path, name: str
) -> None:
    found = str(Path(name).with_name("pytorch_model.bin"))
    message = (
        f"dense: {found}: pickled weights can run code when they are read: convert them to safetensors, or allow them "
        "with --allow-pickle if you trust who made them"
    )
    folder = pickled(folders / "dense", name)
    assert [*pickles(local_folder(folder))] == [found]
    refused(bench, tmp_path, 2, message, f"path:{folder}")
    texts = ["river lake", "wolf"]
    by_pickle, plain = (
        resolve(f"path:{place}", Registry(), Options(device="cpu", allow_pickle=True)).encoders[0]
        for place in (folder, whole / "dense")
    )
    np.testing.assert_array_equal(by_pickle.encode(texts, "query", "en"), plain.encode(texts, "query", "en"))
    assert by_pickle.recipe("query")["weights"] != plain.recipe("query")["weights"]


def test_every_way_to_weights_looks_for_pickles(bench: Bench, folders: Path, tmp_path: Path) -> None:
    for name, model in (("cross", "bm25 >> cross:{}/cross"), ("bert", "bm25 >> late:{}/bert")):
        pickled(folders / name, "model.safetensors")
        refused(bench, tmp_path, 2, f"{name}: pytorch_model.bin: pickled weights can run code", model.format(folders))
    folder = pickled(folders / "dense", "model.safetensors")
    for model in ("mteb:intfloat/multilingual-e5-small", "swim-x"):
        refused(bench, tmp_path, 2, "dense: pytorch_model.bin: pickled weights", model, "--weights", folder)
    for kind in ("bge-m3-sparse", "bge-m3-colbert"):
        head = f"{kind.removeprefix('bge-m3-').replace('sparse', 'sparse')}_linear.pt"
        refused(bench, tmp_path, 2, f"bge-m3: {head}: pickled", kind, "--weights", folders / "bge-m3")


def test_a_pickle_that_would_run_code_is_not_opened(bench: Bench, folders: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (marker,))

    (folders / "bert" / "model.safetensors").unlink()
    (folders / "bert" / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    refused(bench, tmp_path, 2, "bert: pytorch_model.bin: pickled weights", f"path:{folders}/bert")
    # Allowed, it goes through a reader that takes nothing but tensors.
    refused(bench, tmp_path, 3, "bert: cannot load these weights", f"path:{folders}/bert", "--allow-pickle")
    assert not marker.exists()


def test_the_heads_of_bge_m3_may_be_converted(folders: Path, whole: Path) -> None:
    import torch
    from safetensors.torch import save_file

    for name in ("sparse_linear", "colbert_linear"):
        path = folders / "bge-m3" / f"{name}.pt"
        save_file(torch.load(path, weights_only=True), path.with_suffix(".safetensors"))
        path.unlink()
    for model in ("bge-m3-sparse", "bge-m3-colbert"):
        plain, by_pickle = (
            resolve(
                model, Registry(), Options(weights=(place / "bge-m3",), device="cpu", allow_pickle=allowed)
            ).encoders[0]
            for place, allowed in ((folders, False), (whole, True))
        )
        found, expected = (encoder.encode(["river wolf"], "query", "en") for encoder in (plain, by_pickle))
        rows = [row.toarray() if hasattr(row, "toarray") else row[0] for row in (found, expected)]
        np.testing.assert_array_equal(*rows)


CARD: dict[str, Any] = {"name": "m", "kind": "dense", "description": "d", "licence": "MIT", "languages": "any"}


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        (
            {"package": "email", "folder": "../xml"},
            "weights.folder: expected a path inside of its folder, found '../xml'",
        ),
        ({"package": "email", "folder": "mime/../../xml"}, "weights.folder: expected a path inside of its folder"),
        ({"package": "email", "folder": "/etc"}, "weights.folder: expected a path inside of its folder, found '/etc'"),
        ({"package": "email", "folder": "C:\\x"}, "weights.folder: expected a path inside of its folder"),
        ({"package": "..email"}, "weights.package: expected the name of a package, without dots, found '..email'"),
        ({"package": "/etc"}, "weights.package: expected the name of a package"),
        ({"hub": "../../etc"}, "weights.hub: expected ORG/NAME, found '../../etc'"),
        ({"hub": "/etc/passwd"}, "weights.hub: expected ORG/NAME"),
        ({"hub": "a/b", "revision": "../../main"}, "weights.revision: expected a path inside of its folder"),
    ],
)
def test_a_model_card_cannot_point_outside(weights: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_card(Model, CARD | {"weights": weights}, "models/m.yaml")
    assert f"models/m.yaml: {fault}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"languages": {"../../en": {}}}, "languages: expected a name without slashes, found '../../en'"),
        ({"languages": {"en": {"source_code": "../x"}}}, "languages.en.source_code: expected a name without slashes"),
        ({"languages": {"en": {"document": "/etc"}}}, "languages.en.document: expected a name without slashes"),
        ({"languages": {"en": {"files": {"../x": None}}}}, "languages.en.files: expected a path inside of its folder"),
        ({"split": "../test"}, "split: expected a name without slashes, found '../test'"),
        ({"splits": [".hidden"]}, "splits: expected a name without slashes, found '.hidden'"),
    ],
)
def test_a_task_card_cannot_point_outside(change: dict[str, Any], fault: str) -> None:
    from bench.cards import read_yaml
    from bench.places import shipped
    from bench.task import Task

    card = read_yaml(shipped("tasks") / "mini.yaml")
    with pytest.raises(InputError) as caught:
        parse_card(Task, card | change, "tasks/t.yaml")
    assert fault in str(caught.value)


def test_a_card_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sly" / "model").mkdir(parents=True)
    (tmp_path / "sly" / "__init__.py").write_text("raise SystemExit('imported')\n")
    shutil.copytree(
        tiny.save_encoder(tmp_path / "plain", tiny.word_tokenizer()), tmp_path / "sly" / "model", dirs_exist_ok=True
    )
    (tmp_path / "cards" / "models").mkdir(parents=True)
    card = "name: sly\nkind: dense\ndescription: d\nlicence: MIT\nlanguages: any\n"
    path = tmp_path / "cards" / "models" / "sly.yaml"
    path.write_text(card + "weights: {package: sly, folder: model}\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = resolve("sly", Registry(tmp_path / "cards"), Options(device="cpu"))
    assert found.weights[0].folder == tmp_path / "sly" / "model"
    path.write_text(card + "weights: {package: sly, folder: other}\n")
    with pytest.raises(MissingError, match="no folder 'other' inside the package sly"):
        resolve("sly", Registry(tmp_path / "cards"), Options(device="cpu"))


@pytest.mark.parametrize("revision", ["../../../etc", "a/../../b", "..", "/"])
def test_a_revision_that_is_a_path(revision: str, tmp_path: Path) -> None:
    (tmp_path / "models--a--b" / "refs").mkdir(parents=True)
    for bundled in (None, tmp_path):
        with pytest.raises(InputError, match="no revision of the hub"):
            hub("a/b", revision, offline=True, bundled=bundled)


def test_modules_outside_of_their_folder(bench: Bench, folders: Path, tmp_path: Path) -> None:
    for place in ("../bert", "/etc", "1_Pooling/../../bert"):
        path = folders / "dense" / "modules.json"
        rows = json.loads(path.read_text())
        rows[0]["path"] = place
        path.write_text(json.dumps(rows))
        message = f"dense: modules.json: the module {place!r} lies outside of the folder"
        refused(bench, tmp_path, 3, message, f"path:{folders}/dense")


def test_names_and_paths() -> None:
    assert [path_inside(text) for text in ("a", "a/b.c", "..a/b..")] == ["a", "a/b.c", "..a/b.."]
    assert [one_name(text) for text in ("en", "zh-Hant", "a.b", "C++")] == ["en", "zh-Hant", "a.b", "C++"]
    for bad in ("", "/a", "a/../b", "a\\..\\b", "c:a"):
        with pytest.raises(ValueError, match="inside of its folder"):
            path_inside(bad)
    for bad in ("", "a/b", "a\\b", ".a", ".."):
        with pytest.raises(ValueError, match="without slashes"):
            one_name(bad)
