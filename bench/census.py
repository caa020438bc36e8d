"""What a collection really holds: counted and fingerprinted while its documents stream by, and compared with the pins.

The fingerprint of a collection does not depend on the order of its documents: it is the sum, modulo 2^256, of the
sha256 of every document (id, title, text), query (id, text) and judgment (query, document, label).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from bench.collection import Doc, Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.idtable import IdTable, IdWriter
from bench.loaders import Source
from bench.loaders.local import plain_sha256
from bench.task import Task, document_text

PinState = Literal["match", "unchecked", "differ"]
_MODULUS = 1 << 256
_BATCH = 1024


@dataclass(frozen=True)
class Census:
    """Counts and fingerprint of one subset as it was read. `judgments` is 0 for a split without public labels."""

    documents: int
    queries: int
    judgments: int
    positives: int
    fingerprint: str


class Difference(NamedTuple):
    """A pin that the data do not meet."""

    pin: str
    expected: object
    found: object
    hard: bool

    def __str__(self) -> str:
        return f"{self.pin}: the card says {self.expected}, found {self.found}"


class CountedCorpus:
    """The corpus of one subset, as retrievers get it; its first complete reading is also the census.

    Refuses, naming it, a document without text (unless the card keeps them) or an id that occurs twice, and an empty
    corpus. `limit` reads only the first documents of the source (a sample). Ids go to a table below `workdir`, so that
    nothing is held per document.
    """

    def __init__(self, task: Task, subset: str, source: Source, workdir: Path, limit: int | None = None) -> None:
        self._task, self._subset, self._source, self._limit = task, subset, source, limit
        self._folder = workdir / "ids"
        self._sum: int | None = None
        self.count = 0
        self.unseen: set[str] = set()
        """Ids to look for while reading, such as those the qrels name; what was seen is removed."""

    @property
    def language(self) -> str:
        return self._task.document_language(self._subset)

    @property
    def ids(self) -> IdTable:
        """The ids by row, after a complete reading."""
        return IdTable(self._folder)

    def docs(self) -> Iterator[Doc]:
        if self._sum is not None:
            yield from map(self._doc, self._passages())
            return
        try:
            with IdWriter(self._folder) as ids:
                yield from self._counted(ids)
        except InputError as error:
            raise MissingError(f"{self._where}: {error}") from error

    def _counted(self, ids: IdWriter) -> Iterator[Doc]:
        total = count = 0
        passages = iter(self._passages())
        while batch := list(islice(passages, _BATCH)):
            for passage in batch:
                total += _hash("document", passage)
                yield self._doc(passage)
            names = [passage.id for passage in batch]
            ids.add(names)
            self.unseen.difference_update(names)
            count += len(batch)
        if not count:
            raise MissingError(f"{self._where}: the corpus has no documents")
        self._sum, self.count = total % _MODULUS, count

    def _doc(self, passage: Passage) -> Doc:
        doc = Doc(passage.id, document_text(self._task.document_text, passage))
        if not doc.text.strip() and self._task.empty_documents == "refuse":
            raise MissingError(
                f"{self._where}: document {doc.id!r} has no text; mend the source, or say "
                "`empty_documents: keep` in the task card"
            )
        return doc

    def texts(self, ids: Sequence[str]) -> list[str]:
        """Texts by id, found by one reading of the source."""
        wanted = set(ids)
        found = {d.id: d.text for d in self.docs() if d.id in wanted}
        return [found[i] for i in ids]

    def census(self, queries: Sequence[Query], qrels: Qrels | None) -> Census:
        """The census, after a complete reading; reads the source once if nobody has yet."""
        if self._sum is None:
            for _ in self.docs():
                pass
        labels = [(q, d, label) for q, row in (qrels or {}).items() for d, label in row.items()]
        total = self._sum or 0
        total += sum(_hash("query", q) for q in queries) + sum(_hash("judgment", row) for row in labels)
        positives = sum(label > 0 for *_, label in labels)
        return Census(self.count, len(queries), len(labels), positives, f"{total % _MODULUS:064x}")

    @property
    def _where(self) -> str:
        return f"{self._task.name}, {self._subset}"

    def _passages(self) -> Iterable[Passage]:
        return islice(self._source.passages(), self._limit)


def _hash(kind: str, parts: Iterable[object]) -> int:
    text = "\0".join((kind, *(str(part) for part in parts)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")


def check_queries(where: str, queries: Sequence[Query], qrels: Qrels | None) -> None:
    """Refuse what no run could mend: no queries, an id twice, an empty query, judgments for none of the queries."""
    if not queries:
        raise MissingError(f"{where}: there are no queries")
    twice = [i for i, n in Counter(q.id for q in queries).items() if n > 1]
    if twice:
        raise MissingError(f"{where}: the query id {twice[0]!r} occurs twice")
    empty = [q.id for q in queries if not q.text.strip()]
    if empty:
        raise MissingError(f"{where}: the query {empty[0]!r} has no text")
    unknown = sorted(set(qrels or {}) - {q.id for q in queries})
    if unknown:
        raise MissingError(
            f"{where}: the qrels judge {len(unknown)} queries that are not there, the first {unknown[0]!r}"
        )


def file_differences(task: Task, subset: str, source: Source) -> list[Difference]:
    """Files whose sha256 is not the card's; the bytes are read, so MissingError where one is damaged."""
    pins = task.languages[subset].files
    hard = _hard(task, "files")
    found = [(name, pins.get(name), plain_sha256(path)) for name, path in source.files if pins.get(name)]
    return [Difference(f"sha256 of {name}", pin, seen, hard) for name, pin, seen in found if pin != seen]


def census_differences(task: Task, subset: str, census: Census) -> list[Difference]:
    """Counts and fingerprint that are not the card's."""
    row = task.languages[subset]
    pairs = [(pin, getattr(row, pin), getattr(census, pin)) for pin in _COUNTED]
    return [Difference(p, want, seen, _hard(task, p)) for p, want, seen in pairs if want is not None and want != seen]


def pin_state(task: Task, subset: str, differences: Sequence[Difference]) -> PinState:
    """`match` where the data meet hard pins, `unchecked` where the card has none, `differ` otherwise."""
    if differences:
        return "differ"
    row = task.languages[subset]
    pinned = [p for p in (*_COUNTED, "files") if getattr(row, p) and _hard(task, p)]
    return "match" if pinned else "unchecked"


_COUNTED = ("documents", "queries", "judgments", "positives", "fingerprint")


def _hard(task: Task, pin: str) -> bool:
    note = task.pins.get(pin)  # type: ignore[call-overload]
    return note is not None and note.strength == "hard"
