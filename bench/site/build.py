"""`build` writes the site of a board into a folder: pages, data and static files; the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.errors import InputError, MissingError
from bench.files import writing
from bench.site.beside import beside, of_kinds
from bench.site.data import SiteData, site_data
from bench.site.page import HERE, Page

HERE_MADE = ("home", "task", "system", "audit", "downloads", "releases")
"""Modules of `bench.site.pages`: of the pages that this process makes."""

BESIDE = ("compare", "plots")
"""Those of the pages that a second one makes meanwhile."""

_LIST = ".bench-site"  # The files that the last build wrote: what a next one no longer writes is removed.


class Built(NamedTuple):
    """What was built: the folder, how many files, their bytes, and the largest page."""

    out: Path
    files: int
    size: int
    largest: Page


def build(board: Path, out: Path, *, cache: Path | None = None) -> Built:
    """Write the site of a board into `out`.

    MissingError without a board; InputError where `out` holds something else than a site. Files of an earlier build
    that are no longer made are removed, and nothing else is.
    """
    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
    earlier = _earlier(out)
    pages = {}
    for page in all_pages(site_data(board, cache=cache)):
        if page.path in pages:
            raise ValueError(f"two pages at {page.path}")
        pages[page.path] = page
    _write(out, pages, earlier)
    return _built(out, pages)


def all_pages(site: SiteData) -> Iterator[Page]:
    """Every file of the site."""
    for path in sorted((HERE / "static").iterdir()):
        yield Page(f"static/{path.name}", path.read_bytes())
    with beside(site, BESIDE) as others:
        yield from of_kinds(site, HERE_MADE)
        yield from others


def _earlier(out: Path) -> list[str]:
    """The files of an earlier build; InputError where the folder holds something and was not built."""
    if not out.exists():
        return []
    if not out.is_dir():
        raise InputError(f"--out {out}: not a folder")
    listed = out / _LIST
    if listed.is_file():
        return listed.read_text(encoding="utf-8").splitlines()
    if any(out.iterdir()):
        raise InputError(f"--out {out}: holds something else than a site: give another folder")
    return []


def _write(out: Path, pages: dict[str, Page], earlier: list[str]) -> None:
    """Write what has changed, then remove what is no longer made; the list goes first, so that nothing is forgotten."""
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / _LIST).write_text("".join(f"{path}\n" for path in sorted({*pages, *earlier})), encoding="utf-8")
        for page in pages.values():
            path = out / page.path
            if not path.is_file() or path.read_bytes() != page.content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(page.content)
        for name in sorted(set(earlier) - set(pages)):
            if _inside(out, name):
                (out / name).unlink(missing_ok=True)
        (out / _LIST).write_text("".join(f"{path}\n" for path in sorted(pages)), encoding="utf-8")


def _inside(out: Path, name: str) -> bool:
    """Whether a listed name is a file below the folder: the list may have been edited."""
    path = out / name
    return path.resolve().is_relative_to(out.resolve()) and path.is_file() and not path.is_symlink()


def _built(out: Path, pages: dict[str, Page]) -> Built:
    html = [page for page in pages.values() if page.path.endswith(".html")]
    size = sum(len(page.content) for page in pages.values())
    return Built(out, len(pages), size, max(html, key=lambda page: len(page.content)))
