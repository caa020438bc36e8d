"""TREC files: runs (`query Q0 document rank score tag`) and qrels (`query iteration document label`).

Plain or gzipped. Fields are separated by ASCII white space; what follows the sixth field of a run line is ignored, as
trec_eval does, and so is the rank: score and document id alone make the order. A line that begins with `#` is a
comment (trec_eval 10). When a run is written, blanks and `%` inside an id and a `#` that begins one are
percent-encoded.
"""

from __future__ import annotations

import gzip
import re
from array import array
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import numpy as np

from bench.collection import Qrels
from bench.errors import InputError
from bench.files import open_text, write_whole
from bench.ranking import Ranking, Run, rank

_FIELD = re.compile(r"[^ \t\n\r\f\v]+")
_UNSAFE = re.compile(r"[%\s]|^#")
_LARGEST = float(np.finfo(np.float32).max)


class _Lines:
    """The lines of one query as they are met: some 30 bytes each beside the document id."""

    __slots__ = ("docs", "numbers", "scores")

    def __init__(self) -> None:
        self.docs: list[str] = []
        self.scores = array("d")
        self.numbers = array("q")


def read_run(path: Path, *, decode: bool = False) -> Run:
    """The run of a TREC file, rankings in the one order; `decode` undoes the percent-encoding of `write_run`.

    InputError names file and line of: too few fields, a score that is no finite 32-bit number, a document that occurs
    twice under one query.
    """
    found: dict[str, _Lines] = {}
    query, lines = None, _Lines()
    for number, fields in _fields(path, "query Q0 document rank score tag", more=True):
        if fields[0] != query:
            query = fields[0]
            lines = found.setdefault(query, _Lines())
        lines.docs.append(fields[2])
        lines.scores.append(_number(fields[4], path, number))
        lines.numbers.append(number)
    plain = unquote if decode else str
    return {plain(query): _ranking(path, query, found.pop(query), decode=decode) for query in list(found)}


def _ranking(path: Path, query: str, lines: _Lines, *, decode: bool) -> Ranking:
    docs = [unquote(doc) for doc in lines.docs] if decode else lines.docs
    if len(set(docs)) < len(docs):
        seen: set[str] = set()
        for doc, number in zip(docs, lines.numbers, strict=True):
            if doc in seen:
                raise InputError(f"{path}:{number}: document {doc!r} occurs twice under query {query!r}")
            seen.add(doc)
    return rank(docs, np.frombuffer(lines.scores))


def read_qrels(path: Path, labels: Collection[int] | None = None) -> Qrels:
    """The labels of a TREC qrels file, all among `labels` where these are given.

    InputError names file and line of a bad label or of a document judged twice.
    """
    qrels: Qrels = {}
    for number, (query, _, doc, label) in _fields(path, "query iteration document label"):
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", label):
            raise InputError(f"{path}:{number}: the label must be a whole number, found {label!r}")
        row = qrels.setdefault(query, {})
        if doc in row:
            raise InputError(f"{path}:{number}: document {doc!r} is judged twice for query {query!r}")
        row[doc] = int(label)
        if labels is not None and row[doc] not in labels:
            known = " or ".join(map(str, sorted(labels)))
            raise InputError(f"{path}:{number}: query {query!r}, document {doc!r}: expected {known}, found {label}")
    if not qrels:
        raise InputError(f"{path}: no judgments in it")
    return qrels


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run, whole or not at all; gzipped (time 0, so equal runs are equal bytes) where the name ends in `.gz`.

    Queries in the order of their ids' bytes; ranks from 1; 9 significant digits, which give a float32 back exactly.
    """

    def write(file: IO[bytes]) -> None:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.writelines(run_blocks(run, tag))
        else:
            file.writelines(run_blocks(run, tag))

    write_whole(path, write)


def run_blocks(run: Run, tag: str) -> Iterator[bytes]:
    """The lines of a run, query by query: a run of millions of lines is never held as text."""
    for query in sorted(run, key=str.encode):
        name = _encoded(query)
        hits = enumerate(zip(run[query].docs, run[query].scores.tolist(), strict=True), start=1)
        yield "".join(f"{name} Q0 {_encoded(doc)} {i} {score:.9g} {tag}\n" for i, (doc, score) in hits).encode()


def _encoded(identifier: str) -> str:
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), identifier)


def _fields(path: Path, shape: str, *, more: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every line that is neither blank nor a comment; `more` allows fields after the last."""
    count = len(shape.split())
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split() if line.isascii() else _FIELD.findall(line)
            if not fields or fields[0].startswith("#"):
                continue
            if len(fields) < count or (len(fields) > count and not more):
                raise InputError(f"{path}:{number}: expected {count} fields ({shape}), found {len(fields)}")
            yield number, fields


def _number(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= _LARGEST:
        raise InputError(f"{path}:{line}: the score must be a finite 32-bit number, found {text!r}")
    return value
