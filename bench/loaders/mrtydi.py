"""Mr. TyDi's archives, unpacked: `mrtydi-v1.1-<language>/` with `collection/docs.jsonl.gz`, topics and qrels.

A document's `contents` are its title, a blank line and its body; the body may have blank lines of its own, so the first
one alone parts them. Version 1.0, which ir_datasets serves, has the same files under its own number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.files import digest
from bench.loaders import irds
from bench.loaders.archive import extract
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import download, local
from bench.loaders.tsv import read_judgments, read_topics
from bench.places import Places
from bench.task import Task

_LABELS = frozenset({1})
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


def open_source(task: Task, subset: str, split: str, places: Places) -> MrTydi:
    """The subset's files under `<data>/mrtydi`, else from the archive of the version that the card's source names."""
    language = task.languages[subset].source_code
    if not language:
        raise InputError(f"tasks/{task.name}.yaml: languages.{subset}.source_code: give the language's name in full")
    folder = f"mrtydi-{task.source.revision}-{language}"
    parts = ("collection/docs.jsonl", f"topic.{split}.tsv", f"qrels.{split}.txt")
    found = {part: local(f"mrtydi/{folder}/{part}", places.data) for part in parts}
    if not all(found.values()):
        own = _from_irds if task.source.revision == _IR_DATASETS else _from_archive
        source = own(task, subset, folder, [part for part in parts if not found[part]], places)
        found = {part: path or local(part, source) for part, path in found.items()}
    for part, path in found.items():
        if path is None:
            raise MissingError(f"{task.name}, {subset}: no {part} in {source}; remove the folder to have it made again")
    documents, topics, labels = ((f"mrtydi/{folder}/{part}", path) for part, path in found.items() if path)
    return MrTydi(documents, topics, labels)


def _from_irds(task: Task, subset: str, folder: str, parts: Sequence[str], places: Places) -> Path:
    return irds.unpacked(f"{task.name}, {subset}", "mr-tydi", subset, folder, places)


def _from_archive(task: Task, subset: str, folder: str, parts: Sequence[str], places: Places) -> Path:
    """The folder in the cache with the files of the published archive; the archive itself is not kept."""
    target = places.cache / "downloads" / task.name / digest(task.source.revision)[:12] / folder
    if all(local(part, target) for part in parts):
        return target
    where, url = f"{task.name}, {subset}", f"{task.source.url}/{folder}.tar.gz"
    if places.offline:
        looked = f"under {places.data}" if places.data else "as no --data folder was given"
        raise MissingError(
            f"{where}: no mrtydi/{folder}/{parts[0]} (plain or .gz) {looked}; --offline forbids to fetch {url}"
        )
    archive = target.with_name(f"{folder}.tar.gz")
    download(url, archive, None)
    names = ["collection/docs.jsonl.gz"]
    for split in task.all_splits:
        names += [f"topic.{split}.tsv", f"qrels.{split}.txt"]
    try:
        extract(archive, {f"{folder}/{name}": target / name for name in names})
    finally:
        archive.unlink(missing_ok=True)
    return target
