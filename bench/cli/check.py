"""`bench check`: has a system become worse than it was? For people, for JUnit, and for GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, warn
from bench.errors import MissingError, StoppedError
from bench.grammar import split_list

if TYPE_CHECKING:
    from bench.leaderboard.held import Held
    from bench.leaderboard.pairing import Pairing, Wanted
    from bench.regression import Finding, Limits

_FILE = click.Path(path_type=Path, dir_okay=False)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.option("--baseline", required=True, metavar="DIR|RELEASE", help="A leaderboard folder, or a release of --board.")
@click.option("--candidate", type=options.FOLDER, metavar="DIR", help="What to check, instead of --board.")
@click.option("--task", "tasks", multiple=True, metavar="T,..", help="Only these tasks.")
@click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
@click.option("--measure", metavar="M", help="Instead of each task's main measure.")
@click.option("--min-effect", type=click.FloatRange(0, 1), default=0.005, show_default=True, metavar="X",
              help="A drop up to this size does not matter.")  # fmt: skip
@click.option("--alpha", type=_SHARE, default=0.05, show_default=True, metavar="P", help="Chance of any false alarm.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), metavar="RATIO", help="Fail if slower by this ratio.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the random swaps.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write a JUnit report.")
@click.option("--summary", type=_FILE, metavar="FILE", help="Write a Markdown summary.")
@click.option("--store-noise", is_flag=True, help="Check nothing: the candidate is a re-run of the baseline's systems "
              "with other batches; store how far it differs.")  # fmt: skip
@options.combined(options.board, options.cards, options.quiet, options.as_json)
def check(baseline: str, candidate: Path | None, board: Path, cards: Path | None, **given: Any) -> int:
    """Fail (exit 1) where a system has become significantly and noticeably worse than the baseline.

    Entries of the same task and model name are compared query by query, language by language; the weights may be
    others. What cannot be compared is exit 3, never 0.
    """
    from bench.leaderboard.held import held_by, held_in
    from bench.leaderboard.pairing import Wanted, paired
    from bench.measure import Measure
    from bench.regression import Limits, too_slow
    from bench.regression import check as checked
    from bench.statistics import design_of

    measure = str(Measure.parse(given["measure"])) if given["measure"] else None
    wanted = Wanted(_listed(given["tasks"]), _listed(given["languages"]), measure)
    before, after = held_by(baseline, board), held_in(candidate or board)
    if given["store_noise"]:
        return _store(before, after, wanted)
    found = paired(before, after, lambda task: design_of(task, cards), wanted)
    limits = Limits(given["min_effect"], given["alpha"])
    findings = checked(found.pairs, limits, given["seed"])
    slow = too_slow(found.times, given["speed"]) if given["speed"] else []
    report = _Report(found, findings, limits, [_slow(row, given["speed"]) for row in slow])
    if given["speed"] and len(found.times) < len(found.pairs):
        found.warnings.append("--speed: times on other hardware are not compared")
    report.write(given["junit"], given["summary"])
    report.show(given["as_json"], given["quiet"])
    return report.code


def _listed(values: Sequence[str]) -> list[str]:
    return [item for value in values for item in split_list(value)]


def _store(before: Sequence[Held], after: Sequence[Held], wanted: Wanted) -> int:
    from bench.leaderboard.noise import store_noise
    from bench.leaderboard.pairing import Pairing, partners

    found = Pairing()
    pairs = partners(before, after, wanted, found)
    if not pairs or found.problems:
        raise MissingError("; ".join(found.problems) or "baseline and candidate have no task and model in common")
    for pair in pairs:
        path, largest = store_noise(*pair)
        click.echo(f"{path}: a re-run differs by up to {largest:.5f}")
    return 0


def _slow(row: Any, limit: float) -> str:
    times = f"{row.candidate:.1f} s against {row.baseline:.1f} s"
    return f"{row.model} on {row.task}: {row.ratio:.2f} times as slow ({times}; --speed {limit:g})"


class _Report:
    """What was found, in every form that it is asked for."""

    def __init__(self, found: Pairing, findings: Sequence[Finding], limits: Limits, slow: Sequence[str]) -> None:
        self.found, self.findings, self.limits, self.slow = found, findings, limits, slow
        self.failed = [finding for finding in findings if finding.failed]

    @property
    def code(self) -> int:
        """What could not be checked outweighs what failed: the check is not done."""
        if self.found.problems or not self.findings:
            return 3
        return 1 if self.failed or self.slow else 0

    @property
    def verdict(self) -> str:
        """One line on all of it."""
        blind = sum(finding.blind for finding in self.findings)
        parts = [
            f"{len(self.findings)} languages of {len(self.found.pairs)} systems checked, {len(self.failed)} dropped"
        ]
        parts += [f"{len(self.slow)} slower"] if self.slow else []
        parts += [f"{blind} blind: a drop of .05 would likely not be seen there"] if blind else []
        parts += [f"{len(self.found.problems)} problems"] if self.found.problems else []
        return "; ".join(parts)

    def write(self, junit: Path | None, summary: Path | None) -> None:
        """The files, and the summary and annotations of GitHub Actions where it runs this."""
        from bench.cli import regression_report as texts
        from bench.files import write_whole

        if junit:
            write_whole(junit, texts.junit(self.found, self.findings, self.slow, self.limits))
        markdown = texts.markdown(self.found, self.findings, self.slow, self.verdict)
        if summary:
            write_whole(summary, markdown.encode("utf-8", "backslashreplace"))
        if os.environ.get("GITHUB_STEP_SUMMARY"):
            _append(Path(os.environ["GITHUB_STEP_SUMMARY"]), markdown)

    def show(self, as_json: bool, quiet: bool) -> None:
        """The table, or JSON; problems and warnings on stderr, as annotations where GitHub Actions reads them."""
        from bench.cli import regression_report as texts

        found = self.found
        on_github = os.environ.get("GITHUB_ACTIONS") == "true"
        if as_json:
            print_json(texts.as_object(found, self.findings, self.slow, self.limits, self.code))
        else:
            texts.print_findings(self.findings, found.pairs, quiet=quiet)
        for text in () if on_github else (*found.problems, *found.warnings, *self.slow):
            warn(texts.plain_line(text))
        for text in found.notes:
            note(texts.plain_line(text), quiet=quiet)
        if on_github:
            for line in texts.github_lines(found, self.failed, self.slow):
                click.echo(line, err=True)
        click.echo(texts.plain_line(self.verdict), err=as_json)


def _append(path: Path, text: str) -> None:
    """GitHub's summary is one file that every step adds to."""
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise StoppedError(f"{path}: cannot write: {error.strerror or error}") from error
