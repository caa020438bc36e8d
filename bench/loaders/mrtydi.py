"""Mr. TyDi's archives, unpacked: `mrtydi-v1.1-<language>/` with `collection/docs.jsonl.gz`, topics and qrels.

A document's `contents` are its title, a blank line and its body; the body may have blank lines of its own, so the first
one alone parts them. Version 1.0, which ir_datasets serves, has the same files under its own number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.fetch import fetch
from bench.loaders import irds
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local, pinned
from bench.loaders.tsv import judgment_line, read_judgments, read_topics
from bench.needed import Needed, Origin
from bench.places import Places
from bench.task import Task

_LABELS = frozenset({1})
_DOCUMENTS = "collection/docs.jsonl.gz"
_IR_DATASETS = "v1.0"
"""The version that ir_datasets serves."""

Named = tuple[str, Path]


@dataclass(frozen=True)
class MrTydi:
    """The files of one language and split, by their names."""

    documents: Named
    topics: Named
    labels: Named

    @property
    def files(self) -> tuple[Named, ...]:
        return self.documents, self.topics, self.labels

    def passages(self) -> Iterator[Passage]:
        path = self.documents[1]
        for number, row in read_objects(path):
            title, blank, body = field(row, "contents", path, number).partition("\n\n")
            yield Passage(field(row, "id", path, number), *((title, body) if blank else ("", title)))

    def queries(self) -> list[Query]:
        return read_topics(self.topics[1])

    def qrels(self) -> Qrels:
        return read_judgments(self.labels[1], _LABELS)

    def line_of(self, query: str | None, document: str | None) -> str:
        return judgment_line(self.labels[1], query, document)


def open_source(task: Task, subset: str, split: str, places: Places) -> MrTydi:
    """The subset's files under `<data>/mrtydi`, else from the archive of the version that the card's source names."""
    language = task.languages[subset].source_code
    if not language:
        raise InputError(f"tasks/{task.name}.yaml: languages.{subset}.source_code: give the language's name in full")
    folder, shelf = _folder(task, language), places.shelf(task.name, task.source.revision)
    parts = ("collection/docs.jsonl", *_tables(split))
    found = {part: _lying(f"{folder}/{part}", places.data, shelf) for part in parts}
    if not all(found.values()):
        own = _from_irds if task.source.revision == _IR_DATASETS else _from_archive
        source = own(task, subset, split, [part for part in parts if not found[part]], places)
        found = {part: path or local(part, source) for part, path in found.items()}
    for part, path in found.items():
        if path is None:
            raise MissingError(f"{task.name}, {subset}: no {part} in {source}; remove the folder to have it made again")
    documents, topics, labels = ((f"{folder}/{part}", path) for part, path in found.items() if path)
    return MrTydi(documents, topics, labels)


def needed(task: Task, subset: str, split: str) -> list[Needed]:
    """The subset's files, out of the archive of the version that the card's source names."""
    language = task.languages[subset].source_code or subset
    folder, origin = _folder(task, language), _origin(task, subset, language)
    root = PurePosixPath(folder).name
    return [Needed(f"{folder}/{part}", origin, (f"{root}/{part}",)) for part in (_DOCUMENTS, *_tables(split))]


def _origin(task: Task, subset: str, language: str) -> Origin | None:
    """The archive of a language; of version 1.1, that of 1.0 tells the size."""
    known = irds.archive("mr-tydi", subset, unpacked=1.1)
    if task.source.revision == _IR_DATASETS:
        return known
    url = f"{task.source.url}/mrtydi-{task.source.revision}-{language}.tar.gz"
    return Origin(url, pinned(task, subset, PurePosixPath(url).name), *((known.size, known.unpacked) if known else ()))


def _folder(task: Task, language: str) -> str:
    return f"mrtydi/mrtydi-{task.source.revision}-{language}"


def _tables(split: str) -> tuple[str, str]:
    """The last names of topics and judgments."""
    return f"topic.{split}.tsv", f"qrels.{split}.txt"


def _lying(name: str, *folders: Path | None) -> Path | None:
    return next((path for folder in folders if (path := local(name, folder))), None)


def _from_irds(task: Task, subset: str, split: str, parts: Sequence[str], places: Places) -> Path:
    folder = PurePosixPath(_folder(task, task.languages[subset].source_code or subset)).name
    return irds.unpacked(f"{task.name}, {subset}", "mr-tydi", subset, folder, places)


def _from_archive(task: Task, subset: str, split: str, parts: Sequence[str], places: Places) -> Path:
    """The folder in the cache with the files of the published archive, of all splits; the archive is not kept."""
    wanted, shelf = needed(task, subset, split), places.shelf(task.name, task.source.revision)
    folder = PurePosixPath(wanted[0].name).parent.parent
    if places.offline:
        looked = f"under {places.data}" if places.data else "as no --data folder was given"
        url = wanted[0].origin.url if wanted[0].origin else task.source.url
        raise MissingError(
            f"{task.name}, {subset}: no {folder}/{parts[0]} (plain or .gz) {looked}; --offline forbids to fetch {url}"
        )
    fetch(wanted, shelf, others=[file for other in task.all_splits for file in needed(task, subset, other)])
    return shelf / folder
