"""`bench board export`: numbers in the formats of others, runs as TREC files, submissions to benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, plain
from bench.errors import InputError, MissingError, unknown

Results = list[dict[str, Any]]
_KINDS = ("measured", "reported", "imported")
_OF_NUMBERS = ("csv", "markdown", "latex", "json", "model-index", "mteb")
_OF_RUNS = ("trec", "submission")
_FOLDERS = ("mteb", *_OF_RUNS)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("folders", nargs=-1, type=options.FOLDER, metavar="[DIR]...")
@click.option("--format", "form", required=True, metavar="F", help=f"{', '.join((*_OF_NUMBERS, *_OF_RUNS))}.")
@click.option("--task", "tasks", multiple=True, metavar="T", help="Only these tasks; repeatable.")
@click.option("--model", "models", multiple=True, metavar="TEXT", help="Only models with this in their name.")
@click.option("--measure", "measures", multiple=True, metavar="M", help="Only these measures; repeatable.")
@click.option("--kind", "kinds", multiple=True, metavar="K,..", help="measured (by default), reported, imported.")
@click.option("--release", metavar="X", help="As it was released, in place of what stands there now.")
@click.option("--out", type=_FILE, metavar="PATH", help="A file, or a folder for mteb, trec and submission.")
@click.option("--allow-unpinned", is_flag=True, help="A submission of other questions than the card counts.")
@options.combined(options.data, options.board, options.cache, options.cards, options.offline, options.quiet)
def export(folders: tuple[Path, ...], form: str, out: Path | None, quiet: bool, **given: Any) -> None:
    """Write numbers of the board, or of result folders, each with its status; or the runs of result folders.

    csv, markdown, latex, json and model-index go to --out FILE or to stdout. trec and submission take the folders that
    bench run --output left; a submission is the file that the benchmark's organisers take.
    """
    if form not in (*_OF_NUMBERS, *_OF_RUNS):
        raise unknown("format", form, (*_OF_NUMBERS, *_OF_RUNS), f"formats: {', '.join((*_OF_NUMBERS, *_OF_RUNS))}")
    if form in _FOLDERS and out is None:
        raise InputError(f"--format {form} writes several files: give a folder with --out")
    if form in _OF_RUNS:
        _export_runs(folders, form, out or Path(), given, quiet)
        return
    results, measures = _chosen(_results(folders, given), given), _measures(given["measures"])
    known = list(dict.fromkeys(name for result in results for name in result["measures"]))
    for name in measures:
        if name not in known:
            raise unknown("measure of these results", name, known, f"they have {', '.join(known)}")
    if form == "mteb":
        _export_mteb(given["board"], results, out or Path(), quiet)
        return
    _put(_writer(form)(results, measures), out, quiet)


# --- numbers


def _results(folders: Sequence[Path], given: dict[str, Any]) -> Results:
    from bench.leaderboard import read_entry
    from bench.leaderboard.add import result_folders
    from bench.leaderboard.standings import standings, with_ranks
    from bench.leaderboard.training import TrainingData, with_contamination
    from bench.summary import result_of

    board = given["board"]
    if folders:
        paths = [folder / "entry.json" for folder in result_folders(folders)]
        found = [result_of(read_entry(path), path=str(path)) | {"kind": "measured"} for path in paths]
        return with_contamination(with_ranks(found), TrainingData(board, given["cards"]))
    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
    return standings(board, _kinds(given["kinds"]), given["tasks"] or None, given["release"], given["cards"])


def _kinds(wanted: Sequence[str]) -> list[str]:
    names = [name.strip() for text in wanted for name in text.split(",") if name.strip()]
    for name in names:
        if name not in _KINDS:
            raise unknown("kind", name, _KINDS, f"kinds: {', '.join(_KINDS)}")
    return list(dict.fromkeys(names)) or ["measured"]


def _measures(wanted: Sequence[str]) -> list[str]:
    from bench.measure import Measure

    return [str(Measure.parse(name)) for name in wanted]


def _chosen(results: Results, given: dict[str, Any]) -> Results:
    """The results asked for; InputError where there is none."""
    parts = [text.lower() for text in given["models"]]
    found = [
        result
        for result in results
        if (not given["tasks"] or result["task"] in given["tasks"])
        and (not parts or any(part in result["model"].lower() for part in parts))
    ]
    if found:
        return found
    for task in given["tasks"]:
        known = sorted({result["task"] for result in results})
        if task not in known:
            raise unknown("task of these results", task, known, "bench board show")
    asked = [*given["tasks"], *given["models"], *given["kinds"]]
    raise InputError(f"{given['board']}: no results{' of ' + ', '.join(asked) if asked else ''} (bench board show)")


def _writer(form: str) -> Callable[[Results, Sequence[str]], str]:
    from bench.leaderboard.export import model_index, tables

    writers: dict[str, Callable[[Results, Sequence[str]], str]] = {
        "csv": tables.csv_table,
        "markdown": tables.markdown,
        "latex": tables.latex_tables,
        "json": _json,
        "model-index": model_index.model_index,
    }
    return writers[form]


def _json(results: Results, measures: Sequence[str]) -> str:
    from bench.files import dump_json
    from bench.formats.escapes import json_text
    from bench.leaderboard.export.status import status_of

    return json_text(dump_json([_cut(result, measures) | {"status": status_of(result)} for result in results]))


def _cut(result: dict[str, Any], measures: Sequence[str]) -> dict[str, Any]:
    """The result object with only some of its measures."""
    gone = [measure for measure in result["measures"] if measures and measure not in measures]
    rows = {code: {k: v for k, v in row.items() if k not in gone} for code, row in result["languages"].items()}
    mean = {key: value for key, value in result["mean"].items() if key not in gone}
    kept = [measure for measure in result["measures"] if measure not in gone]
    return result | {"measures": kept, "languages": rows, "mean": mean} if gone else result


def _put(text: str, out: Path | None, quiet: bool) -> None:
    from bench.files import write_whole

    if out is None:
        click.echo(text, nl=False)
    elif out.is_dir():
        raise InputError(f"--out {out}: a folder is there; give the name of a file")
    else:
        write_whole(out, text.encode())
        note(f"{out}: {len(text.encode()):,} bytes", quiet=quiet)


def _export_mteb(board: Path, results: Results, out: Path, quiet: bool) -> None:
    from bench.files import dump_json
    from bench.formats.escapes import json_text
    from bench.leaderboard.export.mteb import mteb_files

    reported = sum(result["kind"] == "reported" for result in results)
    if reported:
        note(f"{reported} reported results are left out: nobody has the runs behind them", quiet=quiet)
    files = ((name, [json_text(dump_json(content)).encode()]) for name, content in mteb_files(board, results))
    _write(out, files, quiet)


# --- runs


def _export_runs(folders: Sequence[Path], form: str, out: Path, given: dict[str, Any], quiet: bool) -> None:
    from bench.cli.board.known import places_of, registry_of
    from bench.submission import submission_files, submitted, trec_files

    if not folders:
        raise InputError(f"--format {form} takes the folders that bench run --output left: bench board export DIR")
    found = submitted(folders, registry_of(given))
    chosen = [one for one in found if not given["tasks"] or one.task.named(one.split) in given["tasks"]]
    if not chosen:
        raise unknown("task of these results", given["tasks"][0], [o.task.named(o.split) for o in found], "see DIR")

    def files() -> Iterator[tuple[str, Any]]:
        for one in chosen:
            if form == "trec":
                yield from trec_files(one)
            else:
                yield from submission_files(one, places_of(given), allow_unpinned=given["allow_unpinned"])

    _write(out, files(), quiet)
    for one in chosen:
        if one.missing:
            note(plain(f"{one.name}: languages that were not run: {', '.join(one.missing)}"), quiet=quiet)


def _write(out: Path, files: Iterator[tuple[str, Any]], quiet: bool) -> None:
    from bench.leaderboard.export.folder import write_files

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: a file is there; give a folder")
    paths = write_files(out, files)
    if not paths:
        raise InputError("nothing to write: none of these results can be such a file")
    for path in paths[:20]:
        note(plain(str(path)), quiet=quiet)
    if len(paths) > 20:
        note(f"and {len(paths) - 20} more files", quiet=quiet)
