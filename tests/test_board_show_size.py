"""`bench board show` prints what can be read of a large table, says how much it left out, and --all prints the rest."""

from __future__ import annotations

from pathlib import Path

import boards
import pytest

from bench.cli import _code

LANGUAGES = [f"l{i:02}" for i in range(45)]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board = tmp_path_factory.mktemp("large")
    for i in range(33):
        boards.store(board, f"model-{i:02}", {key: [i / 100, 0.5] for key in LANGUAGES})
    return board


def shown(board: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[set[str], set[str], str]:
    """The models and languages that were printed, and the notes."""
    assert _code(["board", "show", "--board", str(board), *options]) == 0
    out, err = capsys.readouterr()
    words = set(out.split())
    return {w for w in words if w.startswith("model-")}, words & set(LANGUAGES), err


def test_thirty_rows_and_forty_languages(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, languages, err = shown(board, capsys)
    assert models == {f"model-{i:02}" for i in range(3, 33)}, "the best ones"
    assert languages == set(LANGUAGES[:40])
    assert "t, nDCG@10: 3 more rows: --all\n" in err
    assert "t, nDCG@10: 5 more languages: --all\n" in err


def test_all_of_them(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, languages, err = shown(board, capsys, "--all")
    assert (len(models), len(languages), "more" in err) == (33, 45, False)


def test_a_task_that_is_not_there_is_answered_with_those_that_are(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code(["board", "show", "--board", str(board), "--task", "tt"]) == 2
    assert "unknown task of this board 'tt': did you mean 't'?" in capsys.readouterr().err
