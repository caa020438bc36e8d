"""`path:DIR`: a folder in BEIR's or in TREC's layout is a task, and so is one whose subfolders are, named by language.

The layouts are those of bench.loaders.beir and bench.loaders.trec.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import MissingError
from bench.files import digest
from bench.loaders import beir, trec
from bench.loaders.text import open_text
from bench.task import Licences, Source, Subset, Task

_UNKNOWN_LANGUAGE = "und"
_NEITHER = (
    f"neither in BEIR's layout ({beir.NAMES}) nor in TREC's (documents: {trec.DOCUMENTS}; topics: {trec.TOPICS}; "
    f"judgments: {trec.JUDGMENTS}), plain or .gz"
)


class _Layout(NamedTuple):
    """A loader by its name in cards, the judgments of a folder by split, and its files."""

    loader: str
    splits: Callable[[Path], dict[str, Path]]
    all_files: Callable[[Path], list[Path]]


_BEIR = _Layout("beir", beir.splits, beir.all_files)
_TREC = _Layout("trec", trec.splits, trec.all_files)


def folder_task(folder: Path) -> Task:
    """The task that a folder is; its revision is the digest of its files' lines, in any order.

    MissingError where there is no such folder, or neither it nor its subfolders are in one of the layouts.
    """
    if not folder.is_dir():
        raise MissingError(f"path:{folder}: no such folder")
    parts = _parts(folder)
    layout = _common(folder, parts)
    splits = sorted({split for part in parts for split in layout.splits(part)})
    if not splits:
        raise MissingError(f"path:{folder}: no judgments there, so that it is {_NEITHER}")
    stem = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower())
    return Task(
        name=f"path:{stem}",
        title=folder.resolve().name,
        description=f"A folder of the user's own, in {layout.loader.upper()}'s layout.",
        authors="unknown",
        loader=layout.loader,
        source=Source(name=stem, revision=_revision(folder, layout, parts), url=str(folder)),
        split="test" if "test" in splits else splits[0],
        splits=tuple(splits),
        document_text="title and text",
        measures=("nDCG@10", "R@100"),
        licences=Licences(texts="unknown", labels="unknown"),
        texts_may_be_shown=True,
        languages={_UNKNOWN_LANGUAGE if part == folder else part.name: Subset() for part in parts},
    )


def _parts(folder: Path) -> list[Path]:
    """The folder itself if documents lie there, else its subfolders where documents lie, one a language."""
    if _layout(folder):
        return [folder]
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and _layout(path)]


def _layout(folder: Path) -> _Layout | None:
    """The layout that a folder is in, judged by its documents and, where both name these alike, by its queries."""
    topics = any(trec.topics_of(folder, split) for split in trec.splits(folder) or ("test",))
    if beir.has_documents(folder) and (beir.has_queries(folder) or not topics):
        return _BEIR
    return _TREC if trec.documents_of(folder) else None


def _common(folder: Path, parts: Sequence[Path]) -> _Layout:
    """The layout of all parts of a folder."""
    found = {layout.loader: (layout, part.name) for part in parts if (layout := _layout(part))}
    if not found:
        raise MissingError(f"path:{folder}: it is {_NEITHER}, and no folder in it is, named by its language")
    if len(found) > 1:
        names = " and ".join(sorted(name for _, name in found.values()))
        raise MissingError(f"path:{folder}: {names} are not in one layout: bring all languages into the same")
    return next(layout for layout, _ in found.values())


def all_files(folder: Path) -> list[Path]:
    """The files that the task of a folder is made of, of all languages and splits."""
    parts = _parts(folder)
    layout = _common(folder, parts)
    return sorted(path for part in parts for path in layout.all_files(part))


def _revision(folder: Path, layout: _Layout, parts: Sequence[Path]) -> str:
    files = sorted(path for part in parts for path in layout.all_files(part))
    return digest([[str(path.relative_to(folder)).removesuffix(".gz"), _sum_of_lines(path)] for path in files])


def _sum_of_lines(path: Path) -> str:
    """The same for a file plain or gzipped and with its lines in another order: the rows are what is measured on."""
    with open_text(path) as lines:
        hashes = (hashlib.sha256(row.encode()).digest() for line in lines if (row := line.strip()))
        total = sum(int.from_bytes(value, "big") for value in hashes)
    return f"{total % (1 << 256):064x}"
