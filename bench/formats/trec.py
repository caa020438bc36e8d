"""TREC files: runs (`query Q0 document rank score tag`) and qrels (`query iteration document label`).

Plain or gzipped. Fields are separated by white space; what follows the sixth field of a run line is ignored, as
trec_eval does, and so is the rank: score and document id alone make the order. A line that begins with `#` is a
comment (trec_eval 10). Blanks and `%` inside an id are percent-encoded when a run is written.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from bench.collection import Qrels
from bench.errors import InputError
from bench.files import open_text, write_whole
from bench.ranking import Run, rank


def read_run(path: Path, *, decode: bool = False) -> Run:
    """The run of a TREC file, rankings in the one order; `decode` undoes the percent-encoding of `write_run`.

    InputError names file and line of: too few fields, a score that is no finite number, a document that occurs twice
    under one query.
    """
    found: dict[str, dict[str, float]] = {}
    for number, fields in _fields(path, 6, "query Q0 document rank score tag"):
        query, doc = (unquote(fields[0]), unquote(fields[2])) if decode else (fields[0], fields[2])
        score = _number(fields[4], path, number)
        docs = found.setdefault(query, {})
        if doc in docs:
            raise InputError(f"{path}:{number}: document {doc!r} occurs twice under query {query!r}")
        docs[doc] = score
    return {query: rank(list(docs), list(docs.values())) for query, docs in found.items()}


def read_qrels(path: Path) -> Qrels:
    """The labels of a TREC qrels file. InputError names file and line of a bad label or one document judged twice."""
    qrels: Qrels = {}
    for number, fields in _fields(path, 4, "query iteration document label"):
        query, _, doc, label = fields[:4]
        if not re.fullmatch(r"[+-]?\d+", label):
            raise InputError(f"{path}:{number}: the label must be a whole number, found {label!r}")
        labels = qrels.setdefault(query, {})
        if doc in labels:
            raise InputError(f"{path}:{number}: document {doc!r} is judged twice for query {query!r}")
        labels[doc] = int(label)
    if not qrels:
        raise InputError(f"{path}: no judgments in it")
    return qrels


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run, whole or not at all; gzipped (time 0, so equal runs are equal bytes) where the name ends in `.gz`.

    Queries in the order of their ids' bytes; ranks from 1; 9 significant digits, which give a float32 back exactly.
    """
    text = "".join(_lines(run, tag)).encode()
    write_whole(path, gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def _lines(run: Run, tag: str) -> Iterator[str]:
    for query in sorted(run, key=str.encode):
        name = _encoded(query)
        for i, (doc, score) in enumerate(zip(run[query].docs, run[query].scores.tolist(), strict=True), start=1):
            yield f"{name} Q0 {_encoded(doc)} {i} {score:.9g} {tag}\n"


def _encoded(identifier: str) -> str:
    return re.sub(r"[%\s]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), identifier)


def _fields(path: Path, least: int, shape: str) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if not fields or line.startswith("#"):
                continue
            if len(fields) < least:
                raise InputError(f"{path}:{number}: expected {least} fields ({shape}), found {len(fields)}")
            yield number, fields


def _number(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}:{line}: the score must be a finite number, found {text!r}")
    return value
