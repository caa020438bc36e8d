"""Results as tables for people and spreadsheets: CSV, a row a number; Markdown and LaTeX, a row a system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.formats.escapes import latex, spreadsheet
from bench.formats.markdown import markdown_table, plain_cell
from bench.leaderboard.export.status import status_line, status_of

Results = Sequence[Mapping[str, Any]]
COLUMNS = ("kind", "model", "task", "split", "language", "measure", "value", "saturated", "search", "sample", "pins",
           "partial", "flags", "contamination", "source", "revision", "identity", "release")  # fmt: skip
"""Of the CSV; `language` is `mean` for the mean over the languages, `flags` are those of the row's language or all."""


def csv_table(results: Results, measures: Sequence[str] = ()) -> str:
    """All numbers, unrounded, a row each; texts are escaped for spreadsheets, what is not there is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        status = status_of(result)
        sample = status["sample"]
        fixed = status | {"sample": f"{sample['documents']} documents" if sample else None}
        for row in _numbers(result, measures):
            named = fixed | {"model": result["model"], "task": result["task"], **row}
            writer.writerow([_cell(named[column]) for column in COLUMNS])
    return out.getvalue()


def _numbers(result: Mapping[str, Any], measures: Sequence[str]) -> Iterator[dict[str, Any]]:
    for measure in _measures(result, measures):
        for code, block in result["languages"].items():
            full = measure in block.get("saturated", ())
            flags = _flags(result, code)
            yield {"language": code, "measure": measure, "value": block.get(measure), "saturated": full, "flags": flags}
        full = any(measure in block.get("saturated", ()) for block in result["languages"].values())
        mean = {"value": result["mean"].get(measure), "saturated": full, "flags": _flags(result, None)}
        yield {"language": "mean", "measure": measure} | mean


def _flags(result: Mapping[str, Any], language: str | None) -> str:
    """The checks whose flags concern a language; all of them, with their languages, for the mean."""
    flags = [flag for flag in result["flags"] if not flag.get("expected") and not flag.get("note")]
    if language is None:
        return "; ".join(f"{flag['check']} ({flag['language']})" for flag in flags)
    return "; ".join(dict.fromkeys(flag["check"] for flag in flags if flag["language"] in (language, "all")))


def _cell(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "yes" if value is True else repr(value) if isinstance(value, float) else spreadsheet(str(value))


class Table(NamedTuple):
    """One measure of one task: head, and rows of texts; `right` are the columns of numbers."""

    title: str
    head: tuple[str, ...]
    rows: list[list[str]]
    right: tuple[str, ...]


_LEFT = ("model", "status")


def tables(results: Results, measures: Sequence[str] = ()) -> Iterator[Table]:
    """Tables in the order of the results; ranks are not printed, since what is here was chosen."""
    for task in dict.fromkeys(result["task"] for result in results):
        group = [result for result in results if result["task"] == task]
        for measure in dict.fromkeys(m for result in group for m in _measures(result, measures)):
            having = [result for result in group if measure in result["measures"]]
            codes = list(dict.fromkeys(code for result in having for code in result["languages"]))
            rows = [_row(result, measure, codes) for result in sorted(having, key=lambda r: _place(r, measure))]
            yield Table(f"{task}, {measure}", (*_LEFT[:1], "mean", *codes, *_LEFT[1:]), rows, ("mean", *codes))


def _place(result: Mapping[str, Any], measure: str) -> tuple[bool, float, str]:
    """Complete results first, by falling mean."""
    partial = result["mean"]["languages"] < result["mean"]["of"]
    return partial, -(result["mean"].get(measure) or 0.0), result["model"]


def _row(result: Mapping[str, Any], measure: str, codes: Sequence[str]) -> list[str]:
    mean = result["mean"]
    partial = f" {mean['languages']}/{mean['of']}" if mean["languages"] < mean["of"] else ""
    numbers = [_number(result, measure, code) for code in codes]
    return [result["model"], _rounded(mean.get(measure)) + partial, *numbers, status_line(result)]


def _number(result: Mapping[str, Any], measure: str, code: str) -> str:
    """A value with its marks: `(..)` where it says nothing, `!` where it is flagged."""
    block = result["languages"].get(code, {})
    text = _rounded(block.get(measure))
    text = f"({text})" if measure in block.get("saturated", ()) else text
    return text + ("!" if block and _flags(result, code) else "")


def _rounded(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _measures(result: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    return [measure for measure in result["measures"] if not wanted or measure in wanted]


_MARKS = "(.): the cut is not below the pool; !: flagged; n/m: the mean is over n of m languages."


def markdown(results: Results, measures: Sequence[str] = ()) -> str:
    """Markdown tables with their titles."""
    parts = [
        f"### {plain_cell(t.title)}\n\n{markdown_table(t.head, t.rows, t.right)}" for t in tables(results, measures)
    ]
    return "\n".join([*parts, f"{_MARKS}\n"])


def latex_tables(results: Results, measures: Sequence[str] = ()) -> str:
    """LaTeX tables (package booktabs); a status is long, so its column is a paragraph."""
    return "\n".join(_latex(table) for table in tables(results, measures)) + f"% {_MARKS}\n"


def _latex(table: Table) -> str:
    columns = f"l{'r' * len(table.right)}p{{6cm}}"
    lines = [" & ".join(latex(cell) for cell in row) + r" \\" for row in (table.head, *table.rows)]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex(table.title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            *body,
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
