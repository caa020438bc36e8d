"""The folder that Ray writes into when it is started for a run: it goes with the process, however that ends."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# It reads from a pipe that nobody writes to: that it ends says that the process has, be it by SIGKILL. Ray's own
# processes go then too, but need a moment in which they still write.
_KEEPER = """
import os, shutil, sys, time
sys.stdin.read()
gone, until = 0, time.monotonic() + 60
while gone < 4 and time.monotonic() < until:
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    gone = 0 if os.path.exists(sys.argv[1]) else gone + 1
    time.sleep(0.5)
"""


def passing_folder() -> Path:
    """A new folder that is removed when this process ends, also where it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="bench-ray-"))
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd="/", start_new_session=True,  # A Ctrl-C in the terminal is not for it.
    )  # fmt: skip
    atexit.register(_removed, folder, keeper)
    return folder


def _removed(folder: Path, keeper: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        keeper.kill()
        keeper.wait()
