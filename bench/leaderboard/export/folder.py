"""Several files at once: they appear together when all of them are complete, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bench.errors import InputError
from bench.files import writing


def write_files(out: Path, files: Iterable[tuple[str, Iterable[bytes]]]) -> list[Path]:
    """Write files by their names below a folder, in whose place others of these names go; their paths.

    InputError for a name that leads out of the folder; StoppedError where the file system refuses.
    """
    made = not out.exists()
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=out))
    try:
        names = [_staged(staging, name, blocks) for name, blocks in files]
        with writing(out):
            for name in names:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(out / name)
        return [out / name for name in names]
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made:
            with suppress(OSError):  # It has files in it.
                out.rmdir()


def _staged(staging: Path, name: str, blocks: Iterable[bytes]) -> str:
    parts = PurePosixPath(name).parts
    if not parts or any(part in ("..", "/") or "\\" in part or "\0" in part for part in parts):
        raise InputError(f"{name!r}: not the name of a file below the folder")
    path = staging / name
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("wb")
    with handle:
        for block in blocks:  # What reads data raises its own errors; only the writing of it is the folder's matter.
            with writing(staging.parent):
                handle.write(block)
        with writing(staging.parent):
            handle.flush()
            os.fsync(handle.fileno())
    return name
