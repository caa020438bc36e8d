"""Tables of the benchmarks: topics and collections (`id TAB text`), and judgments in TREC's format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.collection import Qrels, Query
from bench.errors import InputError, MissingError
from bench.files import open_text
from bench.formats.trec import read_qrels


def read_pairs(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, id and text of every line that is not blank.

    Lines end at line feeds alone and the first tab parts the two, so a carriage return or a tab inside a text stays in
    it (a carriage return at the end does not). MissingError names the line that has no tab or no id.
    """
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            name, tab, text = line.rstrip("\r\n").partition("\t")
            if not tab or not name:
                if not line.strip():
                    continue
                raise MissingError(f"{path}:{number}: expected an id, a tab and a text, found {line.strip()[:40]!r}")
            yield number, name, text


def read_topics(path: Path) -> list[Query]:
    """The queries of a topics file of exactly two columns. MissingError names the line that has more or fewer."""
    queries = []
    try:
        for number, name, text in read_pairs(path):
            if "\t" in text:
                raise MissingError(f"{path}:{number}: expected two columns (id, query), found {text.count(chr(9)) + 2}")
            queries.append(Query(name, text))
    except InputError as error:
        raise MissingError(str(error)) from error
    return queries


def read_judgments(path: Path, labels: frozenset[int]) -> Qrels:
    """The judgments of a TREC qrels file whose labels are among `labels`; MissingError where it holds anything else."""
    try:
        qrels = read_qrels(path)
    except InputError as error:
        raise MissingError(str(error)) from error
    for query, row in qrels.items():
        for document, label in row.items():
            if label not in labels:
                known = " or ".join(map(str, sorted(labels)))
                raise MissingError(f"{path}: query {query!r}, document {document!r}: expected {known}, found {label}")
    return qrels
