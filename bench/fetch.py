"""Fetching what a task needs into a data folder: what lies there and is right stays, the rest is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from bench.archives import unpack
from bench.checksums import Checksum, Checksums
from bench.download import Transfers, download
from bench.errors import MissingError
from bench.files import check_room
from bench.needed import Needed, Origin, present

State = Literal["there", "missing", "wrong", "fetched"]
_PACKED = 4
"""An archive of which nothing is known unpacks to about this many times its size."""


class Found(NamedTuple):
    """A needed file, how it is to be had, and where it lies or will lie."""

    needed: Needed
    state: State
    path: Path


def survey(wanted: Iterable[Needed], folder: Path, checksums: Checksums) -> list[Found]:
    """What of the wanted files lies in a data folder, and whether its checksum is the card's."""
    return [_found(needed, folder, checksums) for needed in wanted]


def _found(needed: Needed, folder: Path, checksums: Checksums) -> Found:
    path = present(needed, folder)
    if path is None:
        return Found(needed, "missing", folder / needed.name)
    packed = needed.name.endswith(".gz")
    # A card's checksum of a packed file says nothing about a copy that was unpacked.
    if needed.checksum is None or (packed and path.suffix != ".gz"):
        return Found(needed, "there", path)
    algorithm, expected = Checksum.parse(needed.checksum)
    try:
        right = checksums.of(path, algorithm, packed=packed) == expected
    except MissingError:  # A damaged gzip stream.
        right = False
    return Found(needed, "there" if right else "wrong", path)


def lacking(found: Iterable[Found]) -> list[Found]:
    """Those of the files that are to be fetched."""
    return [file for file in found if file.state != "there"]


def fetch(
    wanted: Sequence[Needed],
    folder: Path,
    *,
    others: Iterable[Needed] = (),
    watch: Transfers | None = None,
    checksums: Checksums | None = None,
) -> list[Found]:
    """Fetch into a data folder what it lacks of the wanted files; all of them, with what was done.

    `others` are taken out of the same archives in passing, where these hold them, so that no archive is fetched twice.
    A file whose checksum is not the card's is replaced once the right one is there. MissingError where a file is not to
    be had or its address is nowhere known, StoppedError before the first byte where the disk has no room for all.
    """
    watch, found = watch or Transfers(), survey(wanted, folder, checksums or Checksums())
    missing = lacking(found)
    _refuse_unknown(missing, folder)
    check_room(folder, room(missing), f"what is to be fetched ({len(missing)} files)")
    for file in missing:
        if file.state == "wrong":
            watch.say(f"{file.path}: not the published file (its checksum is another): fetching it again")
        if not file.needed.members and file.needed.origin:
            download(file.needed.origin, folder / file.needed.name, watch, replace=file.state == "wrong")
    for origin, members in _archives(missing).items():
        _from_archive(origin, members, [n for n in others if n.origin == origin], folder, watch)
    return [f if f.state == "there" else Found(f.needed, "fetched", folder / f.needed.name) for f in found]


def _refuse_unknown(missing: Sequence[Found], folder: Path) -> None:
    names = [file.needed.name for file in missing if file.needed.origin is None]
    if names:
        raise MissingError(
            f"no address is known of {', '.join(names)}: get {'them' if len(names) > 1 else 'it'} by hand "
            f"from the source that the card names, and put {'them' if len(names) > 1 else 'it'} under {folder}"
        )


def room(missing: Iterable[Found]) -> int:
    """About how many bytes of the disk fetching takes at its height, as far as sizes are known."""
    missing = list(missing)
    plain = sum(f.needed.origin.size or 0 for f in missing if f.needed.origin and not f.needed.members)
    archives = _archives(missing)
    unpacked = sum(_PACKED * (o.size or 0) if o.unpacked is None else o.unpacked for o in archives)
    return plain + unpacked + max((o.size or 0 for o in archives), default=0)


def _archives(missing: Iterable[Found]) -> dict[Origin, list[Found]]:
    """The files that come out of archives, by archive."""
    archives: dict[Origin, list[Found]] = {}
    for file in missing:
        if file.needed.members and file.needed.origin:
            archives.setdefault(file.needed.origin, []).append(file)
    return archives


def _from_archive(
    origin: Origin, files: Sequence[Found], others: Sequence[Needed], folder: Path, watch: Transfers
) -> None:
    """Fetch an archive, take the files out of it and remove it; a damaged one is removed as well."""
    archive = folder / Path(files[0].needed.name).parts[0] / origin.url.rpartition("/")[2]
    download(origin, archive, watch)
    needed = [file.needed for file in files]
    wanted = {member: folder / n.name for n in needed for member in n.members[:1]}
    also = {member: folder / n.name for n in needed for member in n.members[1:]}
    also |= {member: folder / n.name for n in others if present(n, folder) is None for member in n.members}
    try:
        unpack(archive, wanted, also, folder=archive.parent)
    except MissingError:
        archive.unlink(missing_ok=True)
        raise
    archive.unlink(missing_ok=True)
