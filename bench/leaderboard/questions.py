"""The questions' texts of a task, beside its entries on a board, for tasks whose card allows texts to be shown.

A table with the columns language, query, text; sorted; Parquet with zstd. It holds the questions that are scored, and
grows by language as entries do.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.collection import Query
from bench.errors import MissingError
from bench.files import write_whole
from bench.leaderboard import EntryFiles, locked
from bench.perquery import Row
from bench.task import Task

NAME = "questions.parquet"


class Question(NamedTuple):
    """The text of a query as its source has it, without prompt or instruction."""

    language: str
    query: str
    text: str


def may_be_kept(task: Task) -> bool:
    """Whether a board may hold the questions of a task: its card says so. Nobody has said it of a user's own folder."""
    return task.texts_may_be_shown and not task.name.startswith("path:")


def scored_questions(language: str, queries: Iterable[Query], scores: Iterable[Row]) -> list[Question]:
    """The questions of a language that have scores and say something."""
    wanted = {row.query for row in scores}
    return [Question(language, query.id, query.text) for query in queries if query.id in wanted and query.text.strip()]


def keep_questions(files: EntryFiles, questions: Iterable[Question]) -> None:
    """Add questions to those beside an entry, under a lock of the task; of one query the given text stays.

    Equal texts rewrite nothing. StoppedError where the folder cannot be written.
    """
    path = files.entry.with_name(NAME)
    given = {question[:2]: question for question in questions}
    if not given:
        return
    place = path.parent.relative_to(files.root).as_posix().replace("/", "--")
    with locked(files.root, f"{place}--questions"):
        old = {question[:2]: question for question in read_questions(path)} if path.exists() else {}
        if not given.items() <= old.items():
            write_questions(path, (old | given).values())


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write a table, whole or not at all; equal questions in any order give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(questions)
    columns = {name: [_storable(getattr(one, name)) for one in ordered] for name in Question._fields}
    buffer = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in Question._fields])
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def read_questions(path: Path) -> list[Question]:
    """The rows of a table, in its order; MissingError where the file is absent, damaged, or has other columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise MissingError(f"{path}: cannot read the questions: {error}") from error
    if table.column_names != list(Question._fields) or any(kind != pa.string() for kind in table.schema.types):
        found = ", ".join(table.column_names)
        raise MissingError(f"{path}: not questions: expected texts {', '.join(Question._fields)}, found {found}")
    return [Question(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def texts_of(questions: Iterable[Question]) -> Mapping[tuple[str, str], str]:
    """The texts by language and query."""
    return {question[:2]: question.text for question in questions}


def _storable(text: str) -> str:
    """Half a surrogate pair, which no file in UTF-8 can hold, as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
