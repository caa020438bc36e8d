"""A table as HTML. Written here and not in a template, since it has a hundred thousand cells; all text is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup, escape

from bench.site.cells import number
from bench.site.columns import Column
from bench.site.taskline import Line, Row
from bench.site.tasktable import Section, Table
from bench.summary import searched_name

TRAINED = {"declared": "t", "inherited": "i", "unknown": "?", "no": ""}
"""Marks of what is said of training data, as `bench board show` has them."""


def table_body(table: Table, root: str) -> Markup:
    """What stands inside the `table`: its head, and for each section the ranked rows and, below a line, the rest."""
    parts = [_head(table, root)]
    for section in table.sections:
        parts.extend(_section(section, table, root))
    return Markup("\n".join(parts))


def width_class(table: Table) -> str:
    """The class of the widths of a table's columns, by the longest piece of a head that cannot be broken."""
    pieces = [piece for column in table.columns for piece in column.label.replace(" ", "-").split("-")]
    longest = max(map(len, pieces), default=0)
    covers = max((len(line.coverage) for section in table.sections for line in section.lines), default=0)
    width = "w-s" if longest <= 4 else "w-m" if longest <= 6 else "w-l"
    return width + (" long" if covers > 5 else "") + (" ranged" if table.has_groups else "")


def _head(table: Table, root: str) -> str:
    fixed = [("_rank", "#", "rank among complete results of the section", "rank")]
    fixed += [("_name", "System", "", "name"), ("_method", "Kind", "how it retrieves", "method")]
    fixed += [("_size", "Size", "parameters", "v size"), ("_cover", "Cover", "subsets that have a value", "v cover")]
    fixed += [("_groups", "Group", "who shares a letter cannot be told apart", "group")] if table.has_groups else []
    fixed += [("_mean", "mean", "unweighted mean over all subsets", "v mean")]
    cells = [_heading(code, escape(label), title, names) for code, label, title, names in fixed]
    cells += [_heading(column.code, _label(column, root), column.title, _kind(column)) for column in table.columns]
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _kind(column: Column) -> str:
    return "v linked" if column.page else "v"


def _heading(code: str, label: str, title: str, names: str) -> str:
    titled = f' title="{escape(title)}"' if title and title != label else ""
    classes = f' class="{names}"' if names else ""
    return f'<th scope="col" data-code="{escape(code)}"{classes}{titled}>{label}</th>'


def _label(column: Column, root: str) -> str:
    """The head of a column; pairs may break at their dash, and a part is linked to its page."""
    text = str(escape(column.label)).replace("-", "-<wbr>")
    return f'<a href="{root}{escape(column.page)}">{text}</a>' if column.page else text


def _section(section: Section, table: Table, root: str) -> Iterator[str]:
    width = 6 + table.has_groups + len(table.columns)
    title = str(escape(section.title))
    if section.address:
        title = f'<a href="{escape(section.address)}" rel="noopener noreferrer">{title}</a>'
    kind = escape(section.kind)
    absent = "" if section.has_values else " hidden"
    head = f'<tr class="head"><th colspan="{width}" scope="rowgroup"><span>{title}</span></th></tr>'
    rows = [_row(line, table, root) for line in section.ranked]
    yield "\n".join([f'<tbody class="ranked" data-from="{kind}"{absent}>', head, *rows, "</tbody>"])
    text = "Not ranked: incomplete, or to be looked at before believing"
    line = f'<tr class="line"><th colspan="{width}" scope="rowgroup"><span>{text}</span></th></tr>'
    rows = [_row(row, table, root) for row in section.rest]
    hidden = absent or ("" if rows else " hidden")
    yield "\n".join([f'<tbody class="rest" data-from="{kind}"{hidden}>', line, *rows, "</tbody>"])


def _row(line: Line, table: Table, root: str) -> str:
    row, scale = line.row, table.scale
    cells = [_rank(line), _name(row, root), f'<td class="text method">{escape(row.traits.method or "")}</td>']
    cells += [f'<td class="size">{row.size}</td>', f'<td class="cover">{line.coverage}</td>']
    cells += [f'<td class="text group">{escape(line.groups)}</td>'] if table.has_groups else []
    cells += [line.mean.html(scale, " mean"), *(cell.html(scale) for cell in line.cells)]
    return f'<tr id="{escape(row.key)}"{_data(row)}>{"".join(cells)}</tr>'


def _rank(line: Line) -> str:
    """The rank, and those that the system may have; the reason where it has none."""
    if line.rank is None:
        return f'<td class="rank" title="{escape(line.reason or "")}">–</td>'
    return f'<td class="rank">{line.rank}{may_be(line.ranks)}</td>'


def may_be(ranks: tuple[int, int] | None) -> str:
    """A rank interval in small print; nothing where it is one rank or not known."""
    return "" if ranks is None or ranks[0] == ranks[1] else f"<small>{ranks[0]}–{ranks[1]}</small>"


def _name(row: Row, root: str) -> str:
    name = searched_name(row.result)
    org, slash, rest = name.rpartition("/")
    plain = slash and not any(sign in name for sign in "(>: ")
    text = f'<span class="org">{escape(org)}/</span>{escape(rest)}' if plain else escape(name)
    detail = f"<small>{escape(row.detail)}</small>" if row.detail else ""
    titled = escape(f"{name} {row.detail}".strip())
    link = f'<a href="{root}{escape(row.page)}">{text}</a>'
    return f'<th scope="row" class="name" title="{titled}">{link}{_trained(row)}{detail}</th>'


def _trained(row: Row) -> str:
    mark = TRAINED.get(row.traits.trained, "")
    if not mark:
        return ""
    stated = row.result.get("contamination") or {}
    through = f"{stated['through']}: " if stated.get("through") else ""
    names = {
        "t": "trained on the task's data or a relative",
        "i": "made from a model trained on it",
        "?": "training data not known",
    }
    title = f"{names[mark]}; {through}{stated.get('source') or 'nothing is said'}"
    return f'<i class="{"u" if mark == "?" else "t"}" title="{escape(title)}">{mark}</i>'


def _data(row: Row) -> str:
    """What filters look at; an empty attribute is left out."""
    millions = None if row.traits.parameters is None else round(row.traits.parameters / 1e6, 1)
    values = {
        "method": row.traits.method,
        "size": millions,
        "licence": licence_key(row.traits.licence),
        "trained": row.traits.trained,
    }
    return "".join(f' data-{key}="{escape(value)}"' for key, value in values.items() if value not in (None, ""))


def licence_key(licence: str | None) -> str:
    """A licence as filters know it: spelled in one way; an address is terms of its maker's own."""
    if not licence:
        return ""
    return "own terms" if "://" in licence else licence.lower()


def bounds(table: Table) -> tuple[str, str]:
    """The ends of the colours in words."""
    return f"≤ {number(table.scale.low)}", number(table.scale.high)
