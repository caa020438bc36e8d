"""Cards on a terminal: fields, and tables that turn into paragraphs where the terminal is too narrow for their rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.cli.output import console, escaped, plain

_GAP = 2  # Blanks between a name and its value, and before what belongs to a line above.
_BETWEEN, _EDGES = 3, 2  # Columns that the box of a table takes between two cells, and at its two sides.
_LEAST = 20  # The last column may wrap, but not below this width.


def print_title(text: str) -> None:
    """A heading."""
    from rich.text import Text

    console().print(Text(plain(text), style="bold"), soft_wrap=True)


def print_paragraph(text: str, *, indent: int = 0, bold: bool = False) -> None:
    """A text that wraps by words inside its margin."""
    from rich.text import Text

    out = console()
    for line in Text(plain(text), style="bold" if bold else "").wrap(out, max(out.width - indent, 20)):
        line.rstrip()
        out.print(Text(" " * indent).append_text(line), soft_wrap=True)


def print_gap() -> None:
    """An empty line."""
    console().print()


def print_fields(fields: Sequence[tuple[str, str | Sequence[str]]]) -> None:
    """Names and values side by side; a value of several lines is a list."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields:
        lines = [value] if isinstance(value, str) else value
        for i, line in enumerate(lines or ["-"]):
            grid.add_row(Text("" if i else name, style="dim"), Text(plain(line) or "-"))
    console().print(grid)


def print_lines(title: str, text: str) -> None:
    """A text whose line breaks count, such as BibTeX; long lines are left to the terminal, to be copied whole."""
    from rich.text import Text

    out = console()
    out.print(Text(title, style="dim"))
    for line in text.strip("\n").split("\n"):
        out.print(Text("  " + escaped(line.expandtabs(4))), soft_wrap=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """A table whose last column may wrap; where the others leave it no room, a paragraph a row."""
    from rich.cells import cell_len

    cells = [[plain(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *cells, strict=True)]
    needed = sum(widths[:-1]) + min(widths[-1], _LEAST) + _BETWEEN * (len(head) - 1) + _EDGES
    (_print_rows if needed <= console().width else _print_paragraphs)(head, cells, right)


def _print_rows(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for i, name in enumerate(head):
        last = i + 1 == len(head)
        table.add_column(Text(name), justify="right" if name in right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def _print_paragraphs(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    # A last column that would wrap in a table, such as titles, needs no name and stands on lines of its own.
    named = len(head) - any(len(row[-1]) > _LEAST for row in rows)
    print_gap()
    for row in rows:
        print_paragraph(row[0], bold=True)
        pairs = [f"{name} {cell}" for name, cell in zip(head[1:named], row[1:named], strict=True) if cell != "-"]
        for line in ("; ".join(pairs), *row[named:]):
            if line not in ("", "-"):
                print_paragraph(line, indent=_GAP)
    print_gap()
