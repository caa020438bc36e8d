"""`bench tasks fetch`: the files of a benchmark, to where runs look for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, say
from bench.errors import MissingError

if TYPE_CHECKING:
    from bench.fetch import Found
    from bench.places import Places
    from bench.task import Task

_MEGABYTE = 1_000_000


@click.command()
@click.argument("task", metavar="T")
@click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
@click.option("--split", metavar="S", help="Another split than the task card's.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, from where, and fetch nothing.")
@options.combined(options.data, options.cache, options.cards, options.quiet, options.as_json)
def fetch(
    task: str,
    languages: tuple[str, ...],
    split: str | None,
    dry_run: bool,
    data: Path | None,
    cache: Path | None,
    cards: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fetch what a benchmark needs into --data, else into the cache.

    What is there and right is kept. A download that was broken off goes on where it was: run the same command again.
    """
    from bench.grammar import split_list
    from bench.places import Places, data_folder, default_cache
    from bench.registry import Registry
    from bench.subsets import chosen_languages, chosen_split

    card = Registry(cards).task(task)
    places = Places(data_folder(data), cache or default_cache(), offline=True)
    wanted = [code for value in languages for code in split_list(value)]
    chosen = chosen_languages(card, wanted, split)
    job = _Job(card, chosen, chosen_split(card, split), places)
    found = job.surveyed() if dry_run else job.fetched(quiet=quiet or as_json)
    if as_json:
        print_json(job.report(found))
    else:
        job.print(found, dry_run=dry_run, quiet=quiet)


class _Job:
    """What is to be fetched of one task, and to where."""

    def __init__(self, card: Task, languages: Sequence[str], split: str, places: Places) -> None:
        from bench.checksums import Checksums

        self._card, self._languages, self._split, self._places = card, languages, split, places
        self._folder = places.data or places.shelf(card.name, card.source.revision)
        self._checksums = Checksums(places.cache / "checksums.json")

    def _wanted(self) -> list[Any]:
        """The files of all languages, each once, less those of languages that a run finds complete without --data."""
        from bench.loaders import needed

        files = {s: needed(self._card, s, self._split) for s in self._languages}
        if self._card.loader != "mini" and not any(files.values()):
            raise MissingError(
                f"{self._card.name}: bench knows no address of its files: {_by_hand(self._card)} (bench tasks show)"
            )
        incomplete = (s for s in self._languages if self._places.data or not self._complete(s))
        return list(dict.fromkeys(file for s in incomplete for file in files[s]))

    def _complete(self, subset: str) -> bool:
        """Whether a run finds the files of a subset, perhaps in ir_datasets' home, with the right checksums."""
        from bench.census import file_differences
        from bench.loaders import open_source

        with suppress(MissingError):
            source = open_source(self._card, subset, self._split, self._places)
            return not file_differences(self._card, subset, source, self._split, self._checksums)
        return False

    def surveyed(self) -> list[Found]:
        from bench.fetch import survey

        return survey(self._wanted(), self._folder, self._checksums)

    def fetched(self, *, quiet: bool) -> list[Found]:
        """Fetch, and look that the loader then opens every language."""
        from bench.cli.interrupt import EXIT_CODE, stopping
        from bench.cli.transfers import ShownTransfers
        from bench.fetch import fetch as fetch_files
        from bench.loaders import needed, open_source

        watch = ShownTransfers(quiet=quiet)

        def farewell() -> None:
            watch.close()
            kept = f"{watch.done:,} bytes of {watch.file} and " if watch.file and watch.done else ""
            say(
                f"bench: interrupted: {kept}all finished files are kept; run the same command again to go on",
                colour="red",
            )

        card, licences = self._card, self._card.licences
        note(f"{card.name}: licences: texts {licences.texts}, labels {licences.labels}", quiet=quiet)
        others = (n for s in card.all_splits for code in card.subsets_of(s) for n in needed(card, code, s))
        try:
            with stopping(farewell):
                found = fetch_files(
                    self._wanted(), self._folder, others=list(others), watch=watch, checksums=self._checksums
                )
                for subset in self._languages:
                    open_source(card, subset, self._split, self._places)
        except KeyboardInterrupt as error:
            raise click.exceptions.Exit(EXIT_CODE) from error  # The farewell has been said.
        finally:
            watch.close()
        return found

    def report(self, found: Sequence[Found]) -> dict[str, Any]:
        return {
            "task": self._card.name,
            "split": self._split,
            "languages": list(self._languages),
            "folder": str(self._folder),
            "files": [_row(file) for file in found],
        }

    def print(self, found: Sequence[Found], *, dry_run: bool, quiet: bool) -> None:
        rows = [_row(file) for file in found]
        name = f"{self._card.named(self._split)}: {', '.join(self._languages)}"
        if dry_run:
            for row in rows:
                size = "size unknown" if row["bytes"] is None else f"{row['bytes'] / _MEGABYTE:,.1f} MB"
                click.echo(f"{row['state']}  {row['name']}  {size}  {row['url'] or 'no address is known'}")
            return
        new = [row["bytes"] for row in rows if row["state"] == "fetched"]
        click.echo(f"{name}: complete in {self._folder}" if self._places.data or new else f"{name}: complete")
        counts = f"{len(new)} files fetched ({sum(new) / _MEGABYTE:,.1f} MB), {len(rows) - len(new)} were there"
        note(counts, quiet=quiet)


def _row(file: Found) -> dict[str, Any]:
    """A file as --json prints it: its size once it is there, else that of the published file or archive."""
    origin = file.needed.origin
    lying = file.state in ("there", "fetched")
    size = file.path.stat().st_size if lying else origin.size if origin else None
    return {"name": file.needed.name, "state": file.state, "bytes": size, "url": origin.url if origin else None}


def _by_hand(card: Task) -> str:
    if card.loader == "mteb":
        return "mteb fetches them itself, on the first run"
    if card.name.startswith("path:"):
        return "they are your own"
    return f"get them from {card.source.url or card.source.name} and put them under --data"
