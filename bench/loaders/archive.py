"""Single files out of a tar archive, by name: nothing else in it is looked at, and no name in it becomes a path."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.errors import MissingError
from bench.files import write_whole


def extract(archive: Path, wanted: Mapping[str, Path]) -> None:
    """Copy members to files of our own, each whole or not at all, in one pass over a gzipped tar archive.

    A member is known by its full name, without a leading `./`; links and other than plain files are passed over.
    MissingError where the archive is damaged or lacks one of them.
    """
    left = dict(wanted)
    try:
        with tarfile.open(archive, mode="r|gz") as tar:
            for member in tar:
                target = left.pop(member.name.removeprefix("./"), None) if member.isreg() else None
                content = tar.extractfile(member) if target else None
                if target and content:
                    write_whole(target, partial(shutil.copyfileobj, content))
                if not left:
                    return
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise MissingError(f"{archive}: the archive is truncated or damaged: {error}; get it again") from error
    raise MissingError(f"{archive}: no {min(left)} in it; get the right archive")
