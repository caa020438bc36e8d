"""Markdown tables whose cells are plain text, whatever they hold: no markup, no HTML, no mention, no second column."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.formats.escapes import markdown as plain_cell

__all__ = ["markdown_table", "plain_cell"]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """A table; columns in `right` are numbers. Every cell is taken as plain text."""
    rule = ["--:" if name in right else "---" for name in head]
    lines = [[plain_cell(cell) for cell in row] for row in (head, *rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (lines[0], rule, *lines[1:]))
