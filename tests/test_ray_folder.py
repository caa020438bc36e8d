"""The folder of Ray that is started for a run goes with the process, be it killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = """
import sys, time
from bench.cluster.folder import passing_folder
folder = passing_folder()
(folder / "session").mkdir()
(folder / "session" / "log").write_text("x")
print(folder, flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
"""


def begun(tmp_path: Path, how: str) -> tuple[subprocess.Popen[str], Path]:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", SOURCE, how], env=environment, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_folder(number: signal.Signals, tmp_path: Path) -> None:
    process, folder = begun(tmp_path, "wait")
    assert folder.parent == tmp_path and (folder / "session" / "log").exists()
    process.send_signal(number)
    assert process.wait(10) == -number
    until = time.monotonic() + 30
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_has_removed_it_itself(tmp_path: Path) -> None:
    process, _ = begun(tmp_path, "go")
    assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []
