"""Tables of the benchmarks: topics and collections (`id TAB text`), and judgments in TREC's format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.collection import Qrels, Query
from bench.errors import InputError, MissingError
from bench.formats.trec import read_qrels
from bench.loaders.text import open_text


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
    """The queries of a topics file of exactly two columns. MissingError names the line that has more or fewer.

    A file without a query is an error too.
    """
    queries = []
    for number, name, text in read_pairs(path):
        if "\t" in text:
            raise MissingError(f"{path}:{number}: expected two columns (id, query), found {text.count(chr(9)) + 2}")
        queries.append(Query(name, text))
    if not queries:
        raise MissingError(f"{path}: no line has a query: get the file again")
    return queries


def read_judgments(path: Path, labels: frozenset[int] | None = None) -> Qrels:
    """The judgments of a TREC qrels file, whose labels are among `labels` where these are given.

    MissingError names the line of anything else.
    """
    with open_text(path):  # Whatever is no text is told for what it is.
        pass
    try:
        return read_qrels(path, labels)
    except InputError as error:
        raise MissingError(str(error)) from error


def judgment_line(path: Path, query: str | None, document: str | None) -> str:
    """`PATH:LINE` of the first judgment of a query or, if that is None, of a document; the path alone for none.

    Columns are parted by tabs, or by any blanks where there is none; the first is the query's, the last but one the
    document's.
    """
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            first, *others = line.rstrip("\r\n").split("\t") if "\t" in line else line.split() or [""]
            if first == query if query is not None else document in others[-2:-1]:
                return f"{path}:{number}"
    return str(path)
