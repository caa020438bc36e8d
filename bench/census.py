"""What a collection really holds: counted and fingerprinted while its documents stream by, and compared with the pins.

The fingerprint of a collection does not depend on the order of its documents: it is the sum, modulo 2^256, of the
sha256 of every document (id, title, text), query (id, text), judgment (query, document, label) and answer (query,
text).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from bench.answer_recall import span_answers
from bench.checksums import Checksum, Checksums
from bench.collection import Answers, Doc, Located, Passage, Qrels, Query, Sharded, Source
from bench.errors import InputError, MissingError
from bench.idtable import IdTable, IdWriter
from bench.task import COUNTS, Task, document_text

PinState = Literal["match", "unchecked", "differ"]
_MODULUS = 1 << 256
_BATCH = 1024


@dataclass(frozen=True)
class Census:
    """Counts and fingerprint of one subset as it was read. `judgments` is 0 for a split without public labels.

    `counted` is the number of questions with an answer to look for, None where questions have judgments instead.
    """

    documents: int
    queries: int
    judgments: int
    positives: int
    fingerprint: str
    counted: int | None = None


class Counts(NamedTuple):
    """What a census counts of the questions alone: known before a document is read."""

    queries: int
    judgments: int
    positives: int
    counted: int | None = None


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

    Refuses, naming it, a document without text (unless the card keeps them) or without an id, an id that occurs twice,
    and an empty corpus. Ids go to a table below `workdir`, so that nothing is held per document.
    """

    def __init__(self, task: Task, subset: str, source: Source, workdir: Path) -> None:
        self._task, self._subset, self._source = task, subset, source
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
            yield from map(self._doc, self._source.passages())
            return
        try:
            with IdWriter(self._folder) as ids:
                yield from self._counted(ids)
        except InputError as error:
            raise MissingError(f"{self._where}: {error}") from error

    def _counted(self, ids: IdWriter) -> Iterator[Doc]:
        total = count = 0
        passages = iter(self._source.passages())
        while batch := list(islice(passages, _BATCH)):
            names = [passage.id for passage in batch]
            if "" in names:
                raise MissingError(f"{self._where}: document {count + names.index('') + 1:,} has an empty id")
            ids.add(names)
            for passage in batch:
                total += _hash("document", passage)
                yield self._doc(passage)
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

    def raw_texts(self, ids: Container[str]) -> dict[str, str]:
        """The texts of a few documents as the source has them, without titles, found by one reading of the source."""
        return {passage.id: passage.text for passage in self._source.passages() if passage.id in ids}

    def census(self, queries: Sequence[Query], qrels: Qrels | None, answers: Answers | None = None) -> Census:
        """The census, after a complete reading; reads the source once if nobody has yet."""
        if self._sum is None:
            for _ in self.docs():
                pass
        labels = ((q, d, label) for q, row in (qrels or {}).items() for d, label in row.items())
        total = self._sum or 0
        total += sum(_hash("query", q) for q in queries) + sum(_hash("judgment", row) for row in labels)
        total += sum(_hash("answer", (q, text)) for q, texts in (answers or {}).items() for text in texts)
        counts = counts_of(queries, qrels, answers)
        return Census(documents=self.count, fingerprint=f"{total % _MODULUS:064x}", **counts._asdict())

    @property
    def _where(self) -> str:
        return f"{self._task.name}, {self._subset}"


def _hash(kind: str, parts: Iterable[object]) -> int:
    # A NUL inside a part is escaped: no two records may look alike.
    text = "\0".join((kind, *(str(part).replace("\1", "\1\1").replace("\0", "\1\2") for part in parts)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")


def counts_of(queries: Sequence[Query], qrels: Qrels | None, answers: Answers | None = None) -> Counts:
    """The counts of the questions, the judgments and the questions with an answer to look for."""
    labels = [label for row in (qrels or {}).values() for label in row.values()]
    counted = None if answers is None else sum(bool(span_answers(texts)) for texts in answers.values())
    return Counts(len(queries), len(labels), sum(label > 0 for label in labels), counted)


def check_queries(where: str, queries: Sequence[Query], qrels: Qrels | None, source: Source | None = None) -> None:
    """Refuse what no run could mend: no queries, an id twice or empty, an empty query, judgments for other queries.

    MissingError names the line of such a judgment where the `source` knows it.
    """
    if not queries:
        raise MissingError(f"{where}: there are no queries")
    twice = [i for i, n in Counter(q.id for q in queries).items() if n > 1]
    if twice:
        raise MissingError(f"{where}: the query id {twice[0]!r} occurs twice")
    if any(not q.id for q in queries):
        raise MissingError(f"{where}: a query has an empty id")
    empty = [q.id for q in queries if not q.text.strip()]
    if empty:
        raise MissingError(f"{where}: the query {empty[0]!r} has no text")
    unknown = sorted(set(qrels or {}) - {q.id for q in queries})
    if unknown:
        raise MissingError(
            f"{where}: the qrels judge {len(unknown)} queries that are not there, the first {unknown[0]!r}"
            f"{judged_at(source, query=unknown[0])}"
        )


def judged_at(source: Source | None, *, query: str | None = None, document: str | None = None) -> str:
    """` (FILE:LINE)` of the first judgment of a query or of a document; nothing where the source does not know."""
    return f" ({source.line_of(query, document)})" if isinstance(source, Located) else ""


def file_differences(
    task: Task, subset: str, source: Source, split: str | None = None, checksums: Checksums | None = None
) -> list[Difference]:
    """Files whose checksum is not the card's, and a corpus of more or fewer files than the card says.

    The bytes are read, so MissingError where a file is damaged; `checksums` may remember those of large ones. `split`
    is the card's own unless given.
    """
    row = task.pinned(subset, split or task.split)
    found: list[Difference] = []
    if row.shards is not None and isinstance(source, Sharded) and source.shards != row.shards:
        found.append(Difference("files of the corpus", row.shards, source.shards, _hard(task, "shards")))
    for name, path in source.files:
        pin = row.files.get(name)
        if pin:
            algorithm, expected = Checksum.parse(pin)
            seen = (checksums or Checksums()).of(path, algorithm, packed=name.endswith(".gz"))
            if seen != expected:
                found.append(Difference(f"{algorithm} of {name}", expected, seen, _hard(task, "files")))
    return found


def census_differences(task: Task, subset: str, census: Census | Counts, split: str | None = None) -> list[Difference]:
    """Counts and fingerprint that are not the card's for the split, its own unless given; of counts, those alone."""
    row = task.pinned(subset, split or task.split)
    pairs = [(pin, getattr(row, pin), getattr(census, pin)) for pin in _COUNTED if hasattr(census, pin)]
    return [Difference(p, want, seen, _hard(task, p)) for p, want, seen in pairs if want is not None and want != seen]


def uncertain_counts(task: Task, subset: str, census: Census) -> list[str]:
    """The counts that the card names with the strength `none`: they can only be shown."""
    named = [pin for pin in COUNTS if pin in task.pins and task.pins[pin].strength == "none"]
    return [f"{pin} {getattr(census, pin):,}" for pin in named if getattr(census, pin) is not None]


def pin_state(task: Task, subset: str, differences: Sequence[Difference], split: str | None = None) -> PinState:
    """`match` where the data meet hard pins, `unchecked` where the card has none, `differ` where they miss one."""
    if any(difference.hard for difference in differences):
        return "differ"
    row = task.pinned(subset, split or task.split)
    pinned = [p for p in (*_COUNTED, "files") if getattr(row, p) and _hard(task, p)]
    return "match" if pinned else "unchecked"


_COUNTED = (*COUNTS, "fingerprint")


def _hard(task: Task, pin: str) -> bool:
    note = task.pins.get(pin)  # type: ignore[call-overload]
    return note is not None and note.strength == "hard"
