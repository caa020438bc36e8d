"""`bench score`: the measures of any TREC run against any TREC qrels, averaged as trec_eval -c does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.output import note, print_json, warn
from bench.errors import InputError
from bench.formats.trec import read_qrels, read_run
from bench.measure import catalogue, parse_measures
from bench.ranking import Run
from bench.scores import Scores, evaluate

DEFAULT_MEASURES = ("nDCG@10", "R@100", "AP", "RR")
_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--run", "run_file", type=_FILE, metavar="FILE", help="TREC run, plain or gzipped.")
@click.option("--qrels", "qrels_file", type=_FILE, metavar="FILE", help="TREC qrels, plain or gzipped.")
@click.option(
    "--measures",
    multiple=True,
    metavar="M,..",
    help=f"May be repeated.  [default: {','.join(DEFAULT_MEASURES)}]",
)
@click.option("--per-query", is_flag=True, help="Every query's values, then the means.")
@click.option("--only-retrieved", is_flag=True, help="Leave out queries without results (trec_eval's default).")
@click.option("--rel-level", type=click.IntRange(min=1), default=1, metavar="N", help="Smallest relevant label.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Cut every ranking at N first (trec_eval -M).")
@click.option("--list", "list_", is_flag=True, help="Print the measures.")
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on stdout, values unrounded.")
@click.option("--quiet", is_flag=True, help="No notes; warnings stay.")
def score(
    run_file: Path | None,
    qrels_file: Path | None,
    measures: tuple[str, ...],
    per_query: bool,
    only_retrieved: bool,
    rel_level: int,
    depth: int | None,
    list_: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score any TREC run.

    Every mean divides by the queries of the qrels: one that the run lacks counts 0.
    """
    if list_:
        _print_catalogue(as_json)
        return
    if run_file is None or qrels_file is None:
        raise click.UsageError("needs --run FILE and --qrels FILE (or --list, which prints the measures)")
    wanted = parse_measures(measures or DEFAULT_MEASURES)
    qrels = read_qrels(qrels_file)
    run = read_run(run_file)
    scores = evaluate(run, qrels, wanted, rel_level=rel_level, only_retrieved=only_retrieved, depth=depth)
    _remark(run, scores, (run_file, qrels_file), len(qrels), only_retrieved=only_retrieved, quiet=quiet)
    if as_json:
        names = {"format": 1, "run": run_file.name, "qrels": qrels_file.name}
        settings = {"only_retrieved": only_retrieved, "rel_level": rel_level, "depth": depth}
        print_json({**names, **settings, **_values(scores, per_query)})
    else:
        click.echo("\n".join(_aligned(_rows(scores, per_query))))


def _print_catalogue(as_json: bool) -> None:
    if as_json:
        print_json([{"measure": name, "description": text} for name, text in catalogue()])
    else:
        width = max(len(name) for name, _ in catalogue())
        click.echo("\n".join(f"{name:{width}}  {text}" for name, text in catalogue()))


def _remark(
    run: Run, scores: Scores, files: tuple[Path, Path], judged: int, *, only_retrieved: bool, quiet: bool
) -> None:
    """Say what a mean hides: queries without results, results without judgments. InputError where nothing is left."""
    missing, ignored = len(scores.missing), len(scores.ignored)
    if missing == judged:
        what = "the run is empty" if not run else f"no query of {files[0]} is in {files[1]}"
        if only_retrieved:
            raise InputError(f"{what}: --only-retrieved leaves nothing to average")
        warn(f"{what}: every value is 0; do the two files belong together?")
    elif missing and only_retrieved:
        note(f"{missing} of {judged} queries of the qrels have no result in the run: left out", quiet=quiet)
    elif missing:
        warn(f"{missing} of {judged} queries of the qrels have no result in the run: each counts 0")
    if ignored:
        note(f"{ignored} of {len(run)} queries of the run are not in the qrels: ignored", quiet=quiet)


def _values(scores: Scores, per_query: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "measures": [str(measure) for measure in scores.values],
        "queries": scores.queries,
        "missing": list(scores.missing),
        "ignored": len(scores.ignored),
        "mean": {str(measure): scores.mean(measure) for measure in scores.values},
    }
    if per_query:
        values["per_query"] = {
            query: {str(measure): column[query] for measure, column in scores.values.items()}
            for query in _queries(scores)
        }
    return values


def _queries(scores: Scores) -> list[str]:
    """The queries that were scored, in order: the same under every measure."""
    columns: list[dict[str, float]] = list(scores.values.values())
    return list(columns[0])


def _rows(scores: Scores, per_query: bool) -> list[list[str]]:
    """The table for people: a line per measure, or with `per_query` a line per query and then the means as `all`."""
    means = {measure: f"{scores.mean(measure):.4f}" for measure in scores.values}
    if not per_query:
        head = ["measure", f"mean of {scores.queries} quer{'y' if scores.queries == 1 else 'ies'}"]
        return [head, *([str(measure), mean] for measure, mean in means.items())]
    lines = [[query, *(f"{column[query]:.4f}" for column in scores.values.values())] for query in _queries(scores)]
    return [["query", *map(str, means)], *lines, ["all", *means.values()]]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns two blanks apart, the first flush left, the others right, by width on a terminal."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        blanks = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0] + blanks[0], *(b + cell for b, cell in zip(blanks[1:], row[1:], strict=True))]))
    return lines
