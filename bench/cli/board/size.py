"""Quality against bytes: a row a system, its mean beside what a query is looked up in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.cli.output import console, plain
from bench.summary import is_approximate, searched_name

Results = Sequence[Mapping[str, Any]]


class Row(NamedTuple):
    """A system: `size` in bytes over its `languages`, `each` of a document; `best`: none has as much in fewer bytes."""

    name: str
    mean: float
    size: int
    each: float
    best: bool
    languages: int


def rows_of(results: Results, measure: str) -> list[Row]:
    """The systems whose bytes are known, by falling mean; of those over other languages the ones that have most.

    An approximate one is listed, but puts no other in the shade: it is not ranked.
    """
    known = [r for r in results if r.get("index_bytes") and r["mean"].get(measure) is not None]
    most = max((set(r["languages"]) for r in known), key=len, default=set())
    known = [r for r in known if set(r["languages"]) == most]
    rivals = [(r["mean"][measure], r["index_bytes"]) for r in known if not is_approximate(r)]
    rows = []
    for result in known:
        mean, size = result["mean"][measure], result["index_bytes"]
        documents = sum(row["documents"] for row in result["languages"].values())
        beaten = any(m >= mean and b <= size and (m, b) != (mean, size) for m, b in rivals)
        best = not beaten and not is_approximate(result)
        rows.append(Row(searched_name(result), mean, size, size / max(1, documents), best, len(most)))
    return sorted(rows, key=lambda row: (-row.mean, row.size, row.name))


def print_sizes(title: str, results: Results, measure: str) -> None:
    """Print the table of one task and measure; nothing where no bytes are known."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows, out = rows_of(results, measure), console()
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("", measure, "bytes", "a document", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in rows:
        cells = (plain(row.name), f"{row.mean:.4f}", f"{row.size:,}", f"{row.each:,.1f}", "*" if row.best else "")
        table.add_row(*map(Text, cells))
    of = results[0]["mean"]["of"]
    over = f", {rows[0].languages}/{of} languages" if rows[0].languages < of else ""
    out.print(f"{title}, {measure} against the bytes of the index{over}", style="bold", soft_wrap=True, markup=False)
    out.print(table)
    out.print("* no other has as high a mean in as few bytes", style="dim", soft_wrap=True, markup=False)
