"""MS MARCO's passage files, translated (mMARCO) or in English: a collection, a file of dev queries and judgments.

The file of translated queries holds all dev queries: `dev`, which everybody reports, is the 6,980 of them that
`qrels.dev.small.tsv` judges, in the order of that file. Passages have no titles. Lines end at line feeds and the first
tab parts id and text, whatever else a translation brought into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.archives import unpack
from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.loaders import irds
from bench.loaders.local import local, pinned
from bench.loaders.tsv import judgment_line, read_judgments, read_pairs
from bench.needed import Needed
from bench.places import Places
from bench.task import Task

_LABELS = frozenset({1})
_QRELS = "dev/qrels"
"""ir_datasets' name for the judgments of all dev queries."""

# The names that the source's files give the languages.
_LANGUAGES = {
    "ar": "arabic",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "id": "indonesian",
    "it": "italian",
    "ja": "japanese",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
    "vi": "vietnamese",
    "zh": "chinese",
}

Named = tuple[str, Path]


@dataclass(frozen=True)
class MsMarco:
    """The files of one language and split, by their names; `judged` leaves out the queries without judgments."""

    collection: Named
    questions: Named
    labels: Named
    judged: bool

    @property
    def files(self) -> tuple[Named, ...]:
        return self.collection, self.questions, self.labels

    def passages(self) -> Iterator[Passage]:
        path = self.collection[1]
        for number, name, text in read_pairs(path):
            if not (name.isascii() and name.isdigit()):
                raise MissingError(f"{path}:{number}: expected a passage's number, found {name[:40]!r}")
            yield Passage(name, "", text)

    def queries(self) -> list[Query]:
        queries = [Query(name, text) for _, name, text in read_pairs(self.questions[1])]
        judged = self.qrels() if self.judged else None
        return [query for query in queries if judged is None or query.id in judged]

    def qrels(self) -> Qrels:
        return read_judgments(self.labels[1], _LABELS)

    def line_of(self, query: str | None, document: str | None) -> str:
        return judgment_line(self.labels[1], query, document)


def open_source(task: Task, subset: str, split: str, places: Places) -> MsMarco:
    """A language of mMARCO: its files under --data, in ir_datasets' home, or downloaded there."""
    if subset not in _LANGUAGES:
        raise InputError(f"tasks/{task.name}.yaml: languages.{subset}: mMARCO has {', '.join(_LANGUAGES)}")
    where, shelf = f"{task.name}, {subset}", places.shelf(task.name, task.source.revision)
    located = ((name, irds.locate(where, name, places, shelf)) for name in _names(subset, split))
    labels, questions, collection = located
    return MsMarco(collection, questions, labels, judged=split == "dev")


def needed(task: Task, subset: str, split: str) -> list[Needed]:
    """The subset's files as ir_datasets downloads them."""
    files = []
    for name in _names(subset, split):
        origin, pin = irds.origin("mmarco", name.removeprefix("mmarco/")), pinned(task, subset, name)
        if origin:
            origin = origin._replace(checksum=pin or origin.checksum)
        files.append(Needed(name, origin, checksum=pin or (origin.checksum if origin else None)))
    return files


def _names(subset: str, split: str) -> tuple[str, str, str]:
    """The names of judgments, queries and collection."""
    language = _LANGUAGES[subset]
    labels = "mmarco/qrels.dev.small.tsv" if split == "dev" else "mmarco/qrels.dev.tsv"
    return labels, f"mmarco/v2/{language}.queries.dev.tsv", f"mmarco/v2/{language}_collection.tsv"


def open_english(task: Task, subset: str, split: str, places: Places) -> MsMarco:
    """MS MARCO in English: the files under --data, else out of the archives that ir_datasets keeps or downloads.

    ir_datasets' own copy of the collection is passed over: it repairs the encoding of the texts, and published numbers
    are those of the texts as they were published.
    """
    where, parts = f"{task.name}, {subset}", _english(split)
    paths = [local(f"msmarco/{part}", places.data) or _unpacked(where, task, part, places) for part in parts]
    labels, questions, collection = ((f"msmarco/{part}", path) for part, path in zip(parts, paths, strict=True))
    return MsMarco(collection, questions, labels, judged=split == "dev")


def needed_english(task: Task, subset: str, split: str) -> list[Needed]:
    """The three files of MS MARCO: two or three out of its archives, the judgments of dev-full by themselves."""
    files = []
    for part in _english(split):
        name, archive = f"msmarco/{part}", _archive(part)
        if archive:
            origin = irds.archive("msmarco-passage", archive.partition(".")[0], unpacked=4)
            files.append(Needed(name, origin, (part,), checksum=pinned(task, subset, name)))
        else:
            origin = irds.origin("msmarco-passage", _QRELS)
            files.append(Needed(name, origin, checksum=pinned(task, subset, name)))
    return files


def _english(split: str) -> tuple[str, str, str]:
    """The last names of judgments, queries and collection."""
    small = ".small" if split == "dev" else ""
    return f"qrels.dev{small}.tsv", f"queries.dev{small}.tsv", "collection.tsv"


def _archive(part: str) -> str | None:
    """The archive that a file is published in, None for the one that is published by itself."""
    archives = {"qrels.dev.tsv": None, "queries.dev.tsv": "queries.tar.gz"}
    return archives.get(part, "collectionandqueries.tar.gz")


def _unpacked(where: str, task: Task, part: str, places: Places) -> Path:
    shelf, archive = places.shelf(task.name, task.source.revision), _archive(part)
    found = local(f"msmarco/{part}", shelf)
    if found:
        return found
    if archive is None:
        return irds.locate(where, f"msmarco-passage/{_QRELS}", places)
    if places.offline and not (irds.home() / "msmarco-passage" / archive).exists():
        looked = f"under {places.data}" if places.data else "as no --data folder was given"
        raise MissingError(
            f"{where}: no msmarco/{part} (plain or .gz) {looked}, and no msmarco-passage/{archive} in "
            f"{irds.home()}; --offline forbids to fetch it"
        )
    packed = irds.locate(where, f"msmarco-passage/{archive}", places)
    return unpack(packed, {part: shelf / "msmarco" / part}, folder=shelf)[0]
