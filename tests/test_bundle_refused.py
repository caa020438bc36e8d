"""`bench bundle`: what may not be packed, what is not there, and that a bundle is whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from bundling import online, packed
from console import call
from originals import write_rows

from bench.files import check_writable
from bench.licences import Licensed, spdx
from bench.places import shipped


@pytest.fixture
def bench(offline: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    online(monkeypatch)
    return partial(call, capsys)


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
