"""Pages made by a second process: the same bytes, the same errors, and no process left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from boards import store

import bench.site.beside
from bench.errors import BenchError
from bench.site.beside import beside, of_kinds
from bench.site.build import BESIDE
from bench.site.data import site_data


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for i in range(3):
        store(tmp_path, f"m{i}", {"x": [1 - i / 10 - j / 100 for j in range(6)]})
    monkeypatch.setattr(bench.site.beside, "WORTH", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started, as they are."""
    found: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            found.append(self)

    monkeypatch.setattr("subprocess.Popen", Noted)
    return found


def test_another_process_makes_the_same_bytes(board: Path, started: list[subprocess.Popen[bytes]]) -> None:
    site = site_data(board)
    with beside(site, BESIDE) as pages:
        found = list(pages)
    assert found == list(of_kinds(site, BESIDE))
    assert any(page.path.startswith("compare/t/") for page in found)
    assert any(page.path == "plots.html" for page in found)
    assert [process.returncode for process in started] == [0]


def test_a_small_board_and_a_single_processor_need_none(
    board: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_data(board)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with beside(site, BESIDE) as pages:
        assert list(pages) == list(of_kinds(site, BESIDE))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(bench.site.beside, "WORTH", 4)
    with beside(site, BESIDE) as pages:
        assert list(pages) == list(of_kinds(site, BESIDE))
    assert started == []


def test_its_error_is_raised_here_as_it_would_have_been(board: Path) -> None:
    site = site_data(board)
    for scores in board.rglob("*.parquet"):
        scores.write_bytes(b"damaged")
    with pytest.raises(BenchError) as here:
        list(of_kinds(site, BESIDE))
    with pytest.raises(type(here.value)) as there, beside(site, BESIDE) as pages:
        list(pages)
    assert str(there.value) == str(here.value)
    assert "parquet" in str(there.value)


def test_it_does_not_outlive_an_error_or_an_interruption_here(
    board: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with pytest.raises(KeyboardInterrupt), beside(site_data(board), BESIDE):
        raise KeyboardInterrupt
    assert [process.returncode for process in started] == [-9]


def test_one_that_dies_is_told_of(board: Path, started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(RuntimeError, match="ended with -9"), beside(site_data(board), BESIDE) as pages:
        started[0].kill()
        list(pages)
