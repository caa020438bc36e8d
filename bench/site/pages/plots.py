"""The page of plots, the charts themselves, and the numbers behind each."""

from __future__ import annotations

from collections.abc import Iterator

from bench.site.charts import VERSION, drawn
from bench.site.data import SiteData
from bench.site.kept import kept
from bench.site.page import Page, rendered
from bench.site.plots import Figure, figures_of
from bench.site.sheets import csv_bytes


def pages(site: SiteData) -> Iterator[Page]:
    """`plots.html`, and below `plots/` an SVG and a CSV for each chart."""
    groups = [(task, figures) for task in site.by_task if (figures := figures_of(site, task))]
    yield rendered("plots.html", "plots.html", site=site, groups=groups)
    for _, figures in groups:
        for figure in figures:
            yield Page(f"plots/{figure.stem}.svg", _svg(site, figure))
            yield Page(f"plots/{figure.stem}.csv", csv_bytes(figure.head, figure.rows))


def _svg(site: SiteData, figure: Figure) -> bytes:
    """The chart, drawn once for the same numbers."""
    made_of = {"chart": [VERSION, type(figure.chart).__name__, ascii(figure.chart)]}
    svg: str = kept(site.cache, made_of, lambda: drawn(figure.chart))
    return svg.encode()
