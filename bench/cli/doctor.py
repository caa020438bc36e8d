"""`bench doctor`: what this machine can run, and what is missing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from bench.cli import options
from bench.cli.output import print_json


@click.command()
@click.option("--network", is_flag=True, help="Also ask the hub of models for an answer; else nothing is connected to.")
@options.combined(options.cache, options.cards, options.as_json)
def doctor(network: bool, cache: Path | None, cards: Path | None, as_json: bool) -> None:
    """Look at Python, libraries, models, data and this machine: what can run here, and what is missing.

    Nothing is fetched, and no one is connected to unless asked.
    """
    from bench.diagnosis import diagnosis
    from bench.places import default_cache

    findings = diagnosis(cache or default_cache(), cards, network=network)
    missing = [finding.name for finding in findings if finding.needed and finding.state == "missing"]
    if as_json:
        print_json({"ready": not missing, "missing": missing, "findings": [f.as_dict() for f in findings]})
        return
    from bench.cli.sheet import print_table

    marks = {"ok": "ok", "missing": "MISSING", "note": "note"}
    for group in dict.fromkeys(finding.group for finding in findings):
        listed = [f for f in findings if f.group == group and not (group == "models" and f.state == "note")]
        if listed:
            rows = [(f.name, marks[f.state], f.found, f.hint) for f in listed]
            print_table([group, "", "found", "what to do"], rows)
    others = Counter(finding.hint for finding in findings if finding.group == "models" and finding.state == "note")
    for hint, count in others.items():
        click.echo(f"{count} other models: {hint} (bench models list)")
    click.echo(f"missing: {', '.join(missing)}" if missing else "bench can run here")
