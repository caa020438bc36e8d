"""Work folders live as long as their process; what a killed one leaves behind is swept up by a later run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from toy import Toy

import bench
from bench.errors import StoppedError
from bench.workdir import sweep, workdir

SPAWN = multiprocessing.get_context("spawn")


def hold(cache: Path) -> None:
    with workdir(cache) as folder:
        (folder / "filled").write_text("x")
        time.sleep(3600)


def folders(cache: Path) -> list[Path]:
    return [path for path in (cache / "work").iterdir() if path.is_dir()]


def test_a_folder_lives_as_long_as_its_block(tmp_path: Path) -> None:
    with workdir(tmp_path) as first, workdir(tmp_path) as second:
        assert first != second
        (first / "a" / "b").mkdir(parents=True)
        sweep(tmp_path)
        assert (first / "a" / "b").is_dir()
        assert second.is_dir()
    assert folders(tmp_path) == []


def test_it_is_removed_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workdir(tmp_path):
        raise KeyboardInterrupt
    assert folders(tmp_path) == []


def test_folders_of_killed_processes_are_swept_by_the_next_run_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    processes = [SPAWN.Process(target=hold, args=(tmp_path,), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    while len(list(tmp_path.glob("work/*/filled"))) < 2:
        assert all(process.is_alive() for process in processes)
        time.sleep(0.01)
    (tmp_path / "work" / "without-a-lock").mkdir()
    dead, living = processes
    assert dead.pid is not None
    os.kill(dead.pid, signal.SIGKILL)
    dead.join()
    bench.run(Toy(), "mini", ["en"], cache=tmp_path)
    assert len(folders(tmp_path)) == 1
    assert (folders(tmp_path)[0] / "filled").exists()
    living.kill()
    living.join()
    sweep(tmp_path)
    assert folders(tmp_path) == []


def test_old_parts_are_swept_and_nothing_else(tmp_path: Path) -> None:
    names = ["vectors/0a/.x.npy.abc.part", "downloads/xquad/1/.x.1.part", "results/mini/m/.entry.json.1.part"]
    others = [
        "vectors/0a/x.npy",
        "vectors/0a/x.json",
        "results/mini/m/entry.json",
        "elsewhere/.y.part",
        "downloads/xquad/1/y.part",
    ]
    fresh = ["vectors/0a/.y.npy.def.part"]
    for name in names + others + fresh:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    two_days_ago = time.time() - 48 * 3600
    for name in names + others:
        os.utime(tmp_path / name, (two_days_ago, two_days_ago))
    sweep(tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == sorted(others + fresh)


def test_sweeping_nothing_makes_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in place of a folder")
    with pytest.raises(StoppedError) as error, workdir(tmp_path / "file"):
        pass
    assert str(error.value) == f"{tmp_path}/file/work: cannot write: Not a directory"
