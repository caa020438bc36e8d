"""Draw docs/performance.md and its plots from what the benchmarks left in benchmarks/results.

    python benchmarks/book.py [--out docs]

Nothing is measured here and no figure is written by hand: a benchmark that has not been run is listed as not measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cost import Model, disk_bytes
from record import CHECKOUT, kept

Found = Mapping[str, Any]


class Chapter(NamedTuple):
    """A benchmark's place in the book: the name of its results, a heading, what is compared with what."""

    name: str
    title: str
    about: str


CHAPTERS = (
    Chapter("encode", "Encoding", "Passages of mixed length read from disk, beside a bare loop over the same model."),
    Chapter("search", "Exact search", "Vectors on disk, beside FAISS's flat index over the same vectors in memory."),
    Chapter("search-10m", "Exact search, 10 million vectors", "Beside FAISS's flat index on one block in memory."),
    Chapter("score", "Scoring", "One run and its judgments, beside pytrec_eval alone."),
    Chapter("significance", "Statistics of a board", "Intervals, tests, groups and ranks of synthetic systems."),
    Chapter("site", "The site", "Building the pages of this repository's board."),
    Chapter("start", "Start", "A command before it does anything, beside the imports of the libraries."),
    Chapter("whole", "A whole run", "From process start to exit, beside mteb on the same texts and weights."),
    Chapter("ray", "Ray", "Two workers beside one, on work that the cores do not limit."),
    Chapter("growth-encode", "Growth: encoding", "A real model over growing corpora; `again` finds all in the store."),
    Chapter(
        "growth-store", "Growth: the store", "Generated vectors written, found again; `bare` is `numpy.save` alone."
    ),
    Chapter("growth-search", "Growth: search", "Generated vectors; `ten_times` has ten times the queries."),
)
GROWTH = [chapter for chapter in CHAPTERS if chapter.name.startswith("growth-")]
PASSAGES = (1e8, 1e9)
DIMENSIONS = (128, 384, 768)
QUERIES = 1000
DISK = 1e9
"""Bytes a second that a disk is assumed to give."""


def page() -> Iterator[str]:
    """The lines of docs/performance.md."""
    yield "# Performance"
    yield ""
    yield "Drawn by `python benchmarks/book.py` from the files in `benchmarks/results`, each of which one command left"
    yield "there. Ratios were taken in alternation in one run. Wall seconds hold for the machine and load named."
    yield ""
    yield "No graphics processor was at hand: tokens per second, the share of its matrix products and search on one are"
    yield "**not measured**. The code path is tested on the CPU."
    for chapter in CHAPTERS:
        yield from ("", f"## {chapter.title}", "", chapter.about, "")
        found = kept(chapter.name)
        yield from (written(chapter, found) if found else ["Not measured yet."])
    yield from ("", "## What 10^8 and 10^9 passages would cost", "")
    yield from costs()


def written(chapter: Chapter, found: Found) -> Iterator[str]:
    """One benchmark: command, machine, facts, table, plot."""
    machine = found["machine"]
    yield f"    {found['command']}"
    yield ""
    facts = ", ".join(f"{key.replace('_', ' ')} {shown(value)}" for key, value in found["facts"].items() if flat(value))
    where = f"{found['date'][:10]}, {machine['cores']} cores ({machine['processor']}), load before {found['load']}"
    yield f"{where}{'; ' if facts else ''}{facts}."
    yield ""
    yield from table(found["rows"])
    if "lines" in found["facts"]:
        yield ""
        yield from fits(found["facts"]["lines"])
        yield ""
        yield f"![{chapter.title}](performance/{chapter.name}.svg)"


def fits(lines: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What the straight lines say."""
    for key, line in lines.items():
        largest = line.get("error_at_the_largest_unseen")
        unseen = "" if largest is None else f"; without the largest size it says {largest:+.0%} of it"
        yield (
            f"- {key.replace('_', ' ')}: {line['intercept']:.3g} s + {line['slope'] * 1e6:.4g} s a million, "
            f"at most {line['largest_error']:.0%} off{unseen}"
        )


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rows as Markdown."""
    columns = list(dict.fromkeys(key for row in rows for key in row if flat(row[key])))
    yield "| " + " | ".join(column.replace("_", " ") for column in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(shown(row.get(column)) for column in columns) + " |"


def flat(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def costs() -> Iterator[str]:
    """The model of cost, its error where it was measured, and its tables."""
    encode, search = kept("growth-encode"), kept("growth-search")
    if not encode or not search:
        yield "Not reckoned: growth has not been measured."
        return
    model = Model.of(encode["facts"], search["facts"])
    yield "    encode(N)    = a + b N"
    yield "    search(N, Q) = c + e Q + N (r + q Q) d / d0, and at least what reading 4 d N bytes takes"
    yield "    disk(N)      = 4 d N bytes; a half, a quarter, a 32nd as float16, int8, binary"
    yield ""
    constants = {name: getattr(model, name) for name in ("a", "b", "c", "e", "r", "q")}
    yield ", ".join(f"{name} = {value:.3g} s" for name, value in constants.items()) + f"; d0 = {model.dim}."
    yield f"Assumed: {encode['facts']['model']} and texts as long as those measured; {QUERIES:,} queries; a disk that"
    yield f"gives {DISK / 1e9:.0f} GB a second where the memory does not hold the vectors; seconds that grow with d;"
    yield "one machine like the one measured. Encoding divides by the machines (`bench encode --part i/n`, Ray)."
    yield ""
    yield from table(list(errors(model, encode, search)))
    yield ""
    yield from table(list(tolls(model)))


def errors(model: Model, encode: Found, search: Found) -> Iterator[dict[str, Any]]:
    """The model on the sizes that were measured."""
    for row in encode["rows"]:
        yield error("encode", row["size"], row["seconds"], model.encoding(row["size"]))
    for key, times in (("seconds", 1), ("ten_times", 10)):
        for row in search["rows"]:
            queries = times * search["facts"]["queries"]
            says = model.searching(row["size"], queries, model.dim)
            yield error(f"search, {queries:,} queries", row["size"], row[key], says)


def error(what: str, size: int, seen: float, says: float) -> dict[str, Any]:
    return {"what": what, "passages": size, "seconds": seen, "model": says, "error": f"{says / seen - 1:+.0%}"}


def tolls(model: Model) -> Iterator[dict[str, Any]]:
    for passages in PASSAGES:
        for dim in DIMENSIONS:
            size = disk_bytes(passages, dim)
            yield {
                "passages": f"10^{len(str(int(passages))) - 1}",
                "d": dim,
                "vectors, GB": round(size / 1e9),
                "encode, machine days": model.encoding(passages) / 86400,
                "search, hours": model.searching(passages, QUERIES, dim) / 3600,
                "read from disk, hours": size / DISK / 3600,
            }


def draw(found: Found, path: Path) -> None:
    """Measured points and the lines through them, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "bench"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.8), layout="constrained")
    sizes = [row["size"] for row in found["rows"]]
    for key, line in found["facts"]["lines"].items():
        (dots,) = axes.plot(sizes, [row[key] for row in found["rows"]], "o", label=key.replace("_", " "))
        axes.plot(sizes, [line["intercept"] + line["slope"] * n for n in sizes], "-", color=dots.get_color(), lw=1)
    axes.set(xscale="log", yscale="log", xlabel="texts or vectors", ylabel="seconds")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "performance.md").write_text("\n".join(page()) + "\n", encoding="utf-8")
    for chapter in GROWTH:
        found = kept(chapter.name)
        if found:
            draw(found, args.out / "performance" / f"{chapter.name}.svg")


if __name__ == "__main__":
    main()
