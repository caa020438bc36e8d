"""The files that a task needs: their names under the data folder, and where each is published.

Loaders list them; from the list files are looked for, fetched and packed. A file may lie there plain or gzipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Origin(NamedTuple):
    """A published file: address, checksum as cards write it, size in bytes as far as it is known.

    `size` is approximate: an answer of over twice or under half of it is another file. `unpacked` is about what an
    archive takes once it is unpacked. `headers` are (name, value) pairs that the server wants.
    """

    url: str
    checksum: str | None = None
    size: int | None = None
    unpacked: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Needed(NamedTuple):
    """A file that a loader reads, called `name` under the data folder as it is published there.

    `origin` is None where its address is nowhere known. `members` are names inside the archive at `origin`, any of
    which will do (a leading `*/` stands for one folder or none); without them the file itself is published. `checksum`
    is the card's. `elsewhere` are patterns of other names under the data folder that the loader takes too.
    """

    name: str
    origin: Origin | None = None
    members: tuple[str, ...] = ()
    checksum: str | None = None
    elsewhere: tuple[str, ...] = ()


def find(name: str, folder: Path) -> Path | None:
    """`folder/name`, plain or gzipped, whichever is there; the name as it stands goes first."""
    plain = name.removesuffix(".gz")
    candidates = (folder / text for text in dict.fromkeys((name, f"{name}.gz", plain)))
    return next((path for path in candidates if path.is_file()), None)


def present(needed: Needed, folder: Path) -> Path | None:
    """Where a needed file lies in a data folder, None if it does not."""
    found = find(needed.name, folder)
    if found:
        return found
    others = (path for pattern in needed.elsewhere for path in sorted(folder.glob(pattern)) if path.is_file())
    return next(others, None)


def sharing(wanted: Iterable[Needed], all_of_task: Iterable[Needed]) -> list[Needed]:
    """Those files of a task that lie in the same archives as the wanted ones, and are not among them."""
    wanted = list(wanted)
    archives, names = {n.origin for n in wanted if n.members}, {n.name for n in wanted}
    return [n for n in dict.fromkeys(all_of_task) if n.members and n.origin in archives and n.name not in names]
