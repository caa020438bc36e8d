"""Locks on files: what processes and machines that share a folder tell one another by."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from bench.errors import StoppedError
from bench.files import check_writable, writing


def refuse_without_locks(folder: Path) -> None:
    """StoppedError where files cannot be written below a folder or not be locked: machines share it by locks."""
    check_writable(folder)
    try:
        import fcntl
    except ImportError:
        return
    locks = folder / ".locks"
    with writing(locks):
        locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(locks / "probe.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise StoppedError(
                f"{folder}: this file system keeps no locks ({error.strerror}): machines that share it would disturb "
                "one another; mount it with locks, or give each machine a --cache of its own and copy the folders "
                "vectors/ into one"
            ) from error
    finally:
        os.close(handle)
