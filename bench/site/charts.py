"""Charts as SVG: the same bytes for the same numbers, text as text, and colours that follow light and dark.

What a chart shows is a frozen view of numbers and names; the views are what is drawn and what is cached.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from bench.errors import MissingError
from bench.formats.escapes import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERSION = 3
"""Of the drawing: a chart that was kept is drawn again when it changes."""

WIDTH = 520
"""CSS pixels; at a phone's width the letters are still read."""

_INK, _MUTED, _GRID, _BAND = "#1f2428", "#59636d", "#dde1e5", "#c3cad1"
_SERIES = ("#0b6e8a", "#b3541e", "#5b4ea6", "#2f7d32", "#a12a5e", "#746400")
_IN_THE_DARK = {
    _INK: "#e8eaec",
    _MUTED: "#a7b0b9",
    _GRID: "#333a41",
    _BAND: "#4a535c",
    **dict(zip(_SERIES, ("#5cc3df", "#f0985c", "#b7abf7", "#7fcf83", "#f384b5", "#d8c75a"), strict=True)),
}
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LONGEST = 34  # Characters of a name in a chart; the page below has it whole.


class Point(NamedTuple):
    """A system in a scatter; its name is written beside the point; `best`: no point before it is as good."""

    x: float
    y: float
    name: str = ""
    best: bool = False


class Scatter(NamedTuple):
    """Points in groups, each with its own mark; the best ones are joined by steps."""

    x_label: str
    y_label: str
    groups: tuple[tuple[str, tuple[Point, ...]], ...]
    ticks: tuple[tuple[float, str], ...] = ()


class Rows(NamedTuple):
    """A line for each language: up to six systems by mark and colour, over a band of what most systems reach."""

    label: str
    languages: tuple[str, ...]
    series: tuple[tuple[str, tuple[float | None, ...]], ...]
    band: tuple[tuple[float, float] | None, ...]
    band_name: str


class Pairs(NamedTuple):
    """A panel a system, a line for each language: two values, joined."""

    label: str
    names: tuple[str, str]
    languages: tuple[str, ...]
    panels: tuple[tuple[str, tuple[tuple[float, float] | None, ...]], ...]


Chart = Scatter | Rows | Pairs


def drawn(chart: Chart) -> str:
    """The chart as SVG; MissingError where matplotlib is not installed."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        text = f"charts need matplotlib ({error}): pip install 'multilingual-retrieval-bench[site]'"
        raise MissingError(text) from error
    painters: Mapping[type, Callable[[Any, Figure], None]] = {Scatter: _scatter, Rows: _rows, Pairs: _pairs}
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 11}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(WIDTH / 72, height_of(chart) / 72))
        FigureCanvasSVG(figure)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A glyph that matplotlib's font lacks: the browser's font has it.
            painters[type(chart)](chart, figure)
            out = io.BytesIO()
            figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return _themed(out.getvalue().decode())


def height_of(chart: Chart) -> int:
    """The height of a chart in CSS pixels."""
    if isinstance(chart, Scatter):
        return 320 + _head(len(chart.groups))
    line = 15 if len(chart.languages) > 24 else 18
    return _TAIL + _head_of(chart) + line * max(len(chart.languages), 3)


_TAIL = 46  # Pixels below the axes: ticks and label.


def _head_of(chart: Chart) -> int:
    """Pixels above the axes: the legend."""
    if isinstance(chart, Scatter):
        return _head(len(chart.groups))
    return _head(len(chart.series) + 1) if isinstance(chart, Rows) else _head(2) + 16


def _head(names: int) -> int:
    return 14 + 15 * ((names + 1) // 2) if names > 1 else 10


def _place(figure: Figure, chart: Chart, left: int) -> None:
    """Lay the axes out; a layout found by drawing would take twice the time."""
    height = height_of(chart)
    edges = {"left": left / WIDTH, "right": 1 - 14 / WIDTH, "bottom": _TAIL / height}
    figure.subplots_adjust(**edges, top=1 - _head_of(chart) / height, wspace=0.12)


def _themed(svg: str) -> str:
    """The drawing with its colours for the dark, without the parts that only say which program made it."""
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in _IN_THE_DARK.items()
        for kind in ("fill", "stroke")
    )
    family = "text{font-family:system-ui,sans-serif!important}"
    style = f"<style>{family}@media (prefers-color-scheme:dark){{{rules}}}</style>\n <defs>"
    return svg.replace("<defs>", style, 1)


def _short(name: str, longest: int = _LONGEST) -> str:
    text = one_line(name)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _axes(axes: Axes, x_label: str, y_label: str = "") -> None:
    axes.set_xlabel(x_label, color=_MUTED, parse_math=False)
    axes.set_ylabel(y_label, color=_MUTED, parse_math=False)
    axes.tick_params(colors=_MUTED, length=3, labelcolor=_INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_MUTED)
    axes.set_axisbelow(True)


# --- the charts


def _scatter(chart: Scatter, figure: Figure) -> None:
    axes = figure.subplots()
    _place(figure, chart, _LEFT)
    _axes(axes, chart.x_label, chart.y_label)
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_xscale("log")
    everyone = sorted(point for _, points in chart.groups for point in points)
    best = [point for point in everyone if point.best]
    if best:
        where: Literal["post", "pre"] = "post" if best[0].y < best[-1].y else "pre"
        axes.step([p.x for p in best], [p.y for p in best], where=where, color=_MUTED, linewidth=1, dashes=(4, 3))
    for at, (name, points) in enumerate(chart.groups):
        edge: dict[str, Any] = {"markeredgecolor": _INK, "markeredgewidth": 0.4}
        axes.plot([p.x for p in points], [p.y for p in points], label=_plain(name), **_mark(at), **edge)
    _scatter_ticks(axes, chart)
    _scatter_names(axes, [point for point in everyone if point.name])
    if len(chart.groups) > 1:
        _legend(figure, axes, 1)


def _mark(at: int) -> dict[str, Any]:
    return {"color": _SERIES[at], "marker": _MARKERS[at], "markersize": 5.5, "linestyle": "none"}


def _scatter_ticks(axes: Axes, chart: Scatter) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    names = dict(chart.ticks)
    if names:
        axes.xaxis.set_major_locator(FixedLocator(list(names)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, "")))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.06, y=0.08)


def _scatter_names(axes: Axes, named: Sequence[Point]) -> None:
    """Names to the upper left of their points, else to the right where nothing lies below; the best first."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.06 * (high - low))
    axes.set_xlim(axes.get_xlim())
    scale = 72 / axes.figure.dpi
    points = [axes.transData.transform(xy) * scale for line in axes.lines for xy in np.asarray(line.get_xydata())]
    taken = [(x - 1, y - 1, x + 1, y + 1) for x, y in points]
    for point in sorted(named, key=lambda p: -p.y):
        x, y = axes.transData.transform((point.x, point.y)) * scale
        name = _short(point.name)
        for dx, dy, side in ((-5, 4, "right"), (6, -10, "left"), (6, 3, "left")):
            start = x + dx - (len(name) * _LETTER if side == "right" else 0)
            box = (start, y + dy, start + len(name) * _LETTER, y + dy + 9)
            if box[0] > _LEFT and box[2] < WIDTH - 4 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                style: dict[str, Any] = {"color": _INK, "fontsize": 9, "parse_math": False}
                axes.annotate(name, (point.x, point.y), (dx, dy), textcoords="offset points", ha=side, **style)
                break


_LEFT = 54  # Pixels left of the axes of a scatter.
_LETTER = 5.0  # Pixels of a letter of a name, more or less: the browser's font decides.


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _rows(chart: Rows, figure: Figure) -> None:
    axes = figure.subplots()
    _place(figure, chart, _margin(chart.languages))
    _axes(axes, chart.label)
    _languages(axes, chart.languages)
    band = [(ends, row) for row, ends in enumerate(chart.band) if ends is not None]
    if band:
        _across(axes, band, color=_BAND, linewidth=7, capstyle="butt", label=chart.band_name)
    for at, (name, values) in reversed(list(enumerate(chart.series))):
        known = [(value, row) for row, value in enumerate(values) if value is not None]
        axes.plot([v for v, _ in known], [r for _, r in known], label=_plain(_short(name)), **_mark(at), alpha=0.9)
    axes.margins(x=0.03)
    _legend(figure, axes)


def _pairs(chart: Pairs, figure: Figure) -> None:
    panels = figure.subplots(1, len(chart.panels), sharex=True, sharey=True, squeeze=False)[0]
    _place(figure, chart, _margin(chart.languages))
    for at, (axes, (name, rows)) in enumerate(zip(panels, chart.panels, strict=True)):
        _axes(axes, chart.label if len(chart.panels) == 1 else "")
        _languages(axes, chart.languages, named=at == 0)
        axes.set_title(_short(name, 68 // len(chart.panels)), fontsize=9.5, color=_INK, parse_math=False, loc="left")
        known = [(ends, row) for row, ends in enumerate(rows) if ends is not None]
        _across(axes, known, color=_MUTED, linewidth=1.2)
        for k in (1, 0):
            places = [ends[k] for ends, _ in known], [row for _, row in known]
            axes.plot(*places, **_mark(k), label=_plain(chart.names[k]))
    if len(panels) > 1:
        figure.text(0.5, 0.01, chart.label, color=_MUTED, ha="center", parse_math=False)
    _legend(figure, panels[0])


def _margin(languages: Sequence[str]) -> int:
    return 14 + round(6 * max(len(_short(code)) for code in languages))


def _languages(axes: Axes, languages: Sequence[str], *, named: bool = True) -> None:
    """A line a language, the first on top. No ticks of an axis: those take far longer to draw."""
    axes.yaxis.set_visible(False)
    axes.set_ylim(len(languages) - 0.4, -0.6)
    axes.grid(axis="x", color=_GRID, linewidth=0.7)
    axes.spines["left"].set_visible(False)
    whole = axes.get_yaxis_transform()
    _across(axes, [((0, 1), row) for row in range(len(languages))], whole, color=_GRID, linewidth=0.7, zorder=0.5)
    style: dict[str, Any] = {"color": _INK, "fontsize": 9.5, "ha": "right", "va": "center", "parse_math": False}
    for row, code in enumerate(languages if named else ()):
        axes.text(-0.012, row, _short(code), transform=whole, **style)


def _across(axes: Axes, lines: Sequence[tuple[tuple[float, float], int]], transform: Any = None, **style: Any) -> None:
    """Level lines, each from its left to its right end at its row, drawn as one."""
    from matplotlib.collections import LineCollection

    placed = style if transform is None else style | {"transform": transform}
    one = LineCollection([[(left, row), (right, row)] for (left, right), row in lines], **placed)
    axes.add_collection(one, autolim=transform is None)


def _plain(text: str) -> str:
    r"""A text in which `$` begins no formula, and `_` hides no line of a legend."""
    text = one_line(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _legend(figure: Figure, axes: Axes, step: int = -1) -> None:
    """What the marks mean, above the axes; first on top was drawn last, unless `step` is 1."""
    handles, labels = axes.get_legend_handles_labels()
    style = {"frameon": False, "labelcolor": _INK, "fontsize": 9, "borderaxespad": 0.2}
    legend = figure.legend(handles[::step], labels[::step], loc="upper left", ncols=2, **style)
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_text(text.get_text().replace(r"\$", "$"))
