"""Releases on the site: what changed from one to the next, and the tables as they were."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from boards import store

from bench.leaderboard.releases import make_release
from bench.site.data import SiteData, site_data
from bench.site.history import changes_sheet, news_of, steps_of
from bench.site.pages import home, releases


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Two releases: in the second a system is new and one has other numbers; since then a language came."""
    store(tmp_path, "a", {"x": [0.5, 0.7]})
    store(tmp_path, "b", {"x": [0.1, 0.2]})
    make_release(tmp_path, "2026.9")
    store(tmp_path, "a", {"x": [0.5, 0.9]})
    store(tmp_path, "c", {"x": [1.0, 1.0]})
    make_release(tmp_path, "2026.10")
    store(tmp_path, "c", {"x": [1.0, 1.0], "y": [0.5]})
    return tmp_path


def test_steps_say_what_changed_from_one_to_the_next(board: Path) -> None:
    now, second, first = steps_of(site_data(board))
    assert [(s.version, s.before, s.systems) for s in (now, second, first)] == [
        ("now", "2026.10", 3), ("2026.10", "2026.9", 3), ("2026.9", None, 2),
    ]  # fmt: skip
    assert [(c.kind, c.model, c.words) for c in second.changes] == [
        ("changed", "a", "other numbers: x"), ("new", "c", "a new entry"),
    ]  # fmt: skip
    assert ("x", "nDCG@10", ".600", ".700", "+.100") in second.changes[0].numbers
    assert [(c.kind, c.words) for c in now.changes] == [("changed", "new: y")]
    assert (second.counted("new"), second.counted("gone")) == (1, 0)
    assert [step.words for step in (now, second, first)] == [
        "1 changed entry",
        "1 new and 1 changed entries",
        "2 entries",
    ]
    assert first.changes == ()


def test_news_are_since_the_last_release_else_what_it_brought(board: Path, tmp_path: Path) -> None:
    news = news_of(site_data(board))
    assert news
    assert news.version == "now"
    store(board, "c", {"x": [1.0, 1.0]})
    news = news_of(site_data(board))
    assert news
    assert news.version == "2026.10"
    only = tmp_path / "only"
    store(only, "a", {"x": [0.5]})
    make_release(only, "1.0")
    (page,) = (page for page in home.pages(site_data(only)) if page.path == "index.html")
    assert b"The first release: 1 entry." in page.content and b"None" not in page.content
    bare = tmp_path / "bare"
    store(bare, "a", {"x": [0.5]})
    assert news_of(site_data(bare)) is None


def test_a_release_has_its_own_tables(board: Path) -> None:
    site = site_data(board)
    pages = {page.path: page.content for page in releases.pages(site)}
    old = list(csv.DictReader(io.StringIO(pages["release/2026.9/data/t.csv"].decode())))
    assert [(row["model"], float(row["mean"]), row["release"]) for row in old] == [
        ("a", 0.6, "2026.9"), ("b", pytest.approx(0.15), "2026.9"),
    ]  # fmt: skip
    assert "y" not in old[0]
    assert b".600" in pages["release/2026.9/task/t.html"]
    assert b".700" in pages["release/2026.10/task/t.html"]
    index = pages["release/2026.9/index.html"].decode()
    assert 'href="../../release/2026.10/index.html"' in index
    assert 'href="../../index.html">now' in index
    assert all(path == "releases.html" or path.startswith(("release/", "data/changes.")) for path in pages)


def test_all_changes_can_be_downloaded(board: Path) -> None:
    rows = changes_sheet(site_data(board)).rows
    assert ["2026.9", "2026.10", "changed", "t", "a", "x", "nDCG@10", 0.6, 0.7] in [list(row) for row in rows]
    assert ["2026.9", "2026.10", "new", "t", "c", None, None, None, None] in [list(row) for row in rows]


def test_a_name_of_a_release_does_not_leave_the_folder(tmp_path: Path) -> None:
    site = SiteData(tmp_path, (), ("..", "2026.1", "a/../../b", "con"))
    folders = [site.release_folder(version) for version in site.versions]
    assert folders[1] == "release/2026.1/"
    assert len(set(folders)) == 4
    for folder in folders:
        assert folder.count("/") == 2
        assert ".." not in folder
    assert folders[3] != "release/con/"
