"""Folders that cannot be written: the message, the exit code, nothing half-written and nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from mishaps import Bench, states

from bench import __version__ as bench_version

PLACES = ["--board", "--output", "--cache"]


@pytest.mark.parametrize("option", PLACES)
def test_a_file_in_the_place_of_a_folder(bench: Bench, option: str) -> None:
    (bench.folder / "file").write_text("precious")
    code, err = bench.fails(option, bench.folder / "file", "--lang", "en")
    assert code == 2
    assert (
        err.splitlines()[-1] == f"Error: Invalid value for '{option}': Directory '{bench.folder / 'file'}' is a file."
    )
    assert (bench.folder / "file").read_text() == "precious"


@pytest.mark.parametrize("option", PLACES)
def test_a_folder_that_cannot_be_made(kept: Bench, option: str, own_models: None) -> None:
    (kept.folder / "file").write_text("precious")
    place = kept.folder / "file" / "below"
    # A model that would raise: the folder is looked at before the first text is encoded.
    model = "bm25" if option == "--cache" else "python:bad_models:SecondLanguage"
    code, err = kept.fails(option, place, "--lang", "en", model=model)
    assert code == 4
    assert f"{place}" in err.splitlines()[0]
    assert "written: Not a directory" in err or "write: Not a directory" in err
    assert (kept.folder / "file").read_text() == "precious"


def test_a_board_that_turns_read_only(kept: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    message = f"bench: {kept.output}: cannot write: Read-only file system\n"
    assert kept.fails("--lang", "sw") == (4, message)


def test_an_entry_that_is_damaged_is_not_written_over(kept: Bench) -> None:
    path = kept.board / "mini" / "bm25.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-500], encoding="utf-8")
    code, out, err = kept("--lang", "sw")
    assert (code, out) == (2, "")
    assert err.startswith(f"bench: {path}: not strict JSON: ")
    assert path.read_text(encoding="utf-8") == text[:-500]
    path.write_text(text.replace('"format": 1', '"format": 7', 1), encoding="utf-8")
    code, _, err = kept("--lang", "sw")
    message = f"bench: {path}: format: expected 1, found 7: it needs another version of bench "
    message += f"(bench {bench_version} wrote it)\n"
    assert (code, err) == (2, message)
    assert '"format": 7' in path.read_text(encoding="utf-8")


def test_after_every_mishap_the_same_command_goes_on(kept: Bench, own_models: None) -> None:
    before = states(kept.board)
    assert kept.fails("--lang", "en", model="python:bad_models:nan")[0] == 4
    assert kept("--lang", "en").code == 0
    assert states(kept.board) == before
