"""MS MARCO's passage files, translated (mMARCO) or in English: a collection, a file of dev queries and judgments.

The file of translated queries holds all dev queries: `dev`, which everybody reports, is the 6,980 of them that
`qrels.dev.small.tsv` judges, in the order of that file. Passages have no titles. Lines end at line feeds and the first
tab parts id and text, whatever else a translation brought into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.files import digest
from bench.loaders import irds
from bench.loaders.archive import extract
from bench.loaders.local import local
from bench.loaders.tsv import read_judgments, read_pairs
from bench.places import Places
from bench.task import Task

_LABELS = frozenset({1})

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
        try:
            queries = [Query(name, text) for _, name, text in read_pairs(self.questions[1])]
        except InputError as error:
            raise MissingError(str(error)) from error
        judged = self.qrels() if self.judged else None
        return [query for query in queries if judged is None or query.id in judged]

    def qrels(self) -> Qrels:
        return read_judgments(self.labels[1], _LABELS)


def open_source(task: Task, subset: str, split: str, places: Places) -> MsMarco:
    """A language of mMARCO: its files under --data, in ir_datasets' home, or downloaded there."""
    if subset not in _LANGUAGES:
        raise InputError(f"tasks/{task.name}.yaml: languages.{subset}: mMARCO has {', '.join(_LANGUAGES)}")
    language, small = _LANGUAGES[subset], split == "dev"
    names = (
        "mmarco/qrels.dev.small.tsv" if small else "mmarco/qrels.dev.tsv",
        f"mmarco/v2/{language}.queries.dev.tsv",
        f"mmarco/v2/{language}_collection.tsv",
    )
    where = f"{task.name}, {subset}"
    labels, questions, collection = ((name, irds.locate(where, name, places)) for name in names)
    return MsMarco(collection, questions, labels, judged=small)


def open_english(task: Task, subset: str, split: str, places: Places) -> MsMarco:
    """MS MARCO in English: the files under --data, else out of the archives that ir_datasets keeps or downloads.

    ir_datasets' own copy of the collection is passed over: it repairs the encoding of the texts, and published numbers
    are those of the texts as they were published.
    """
    small = ".small" if split == "dev" else ""
    parts = (f"qrels.dev{small}.tsv", f"queries.dev{small}.tsv", "collection.tsv")
    where = f"{task.name}, {subset}"
    paths = [local(f"msmarco/{part}", places.data) or _unpacked(where, task, part, places) for part in parts]
    labels, questions, collection = ((f"msmarco/{part}", path) for part, path in zip(parts, paths, strict=True))
    return MsMarco(collection, questions, labels, judged=bool(small))


def _unpacked(where: str, task: Task, part: str, places: Places) -> Path:
    if part == "qrels.dev.tsv":
        return irds.locate(where, "msmarco-passage/dev/qrels", places)
    target = places.cache / "downloads" / task.name / digest(task.source.revision)[:12] / part
    if not target.exists():
        archive = "queries.tar.gz" if part == "queries.dev.tsv" else "collectionandqueries.tar.gz"
        if places.offline and not (irds.home() / "msmarco-passage" / archive).exists():
            looked = f"under {places.data}" if places.data else "as no --data folder was given"
            raise MissingError(
                f"{where}: no msmarco/{part} (plain or .gz) {looked}, and no msmarco-passage/{archive} in "
                f"{irds.home()}; --offline forbids to fetch it"
            )
        extract(irds.locate(where, f"msmarco-passage/{archive}", places), {part: target})
    return target
