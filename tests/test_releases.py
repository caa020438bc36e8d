"""Releases: frozen once and for all; what changes afterwards is told, and what was released can be looked up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from released import blank, put

from bench import api
from bench.cli import _code
from bench.errors import InputError, MissingError
from bench.leaderboard import read_entry
from bench.leaderboard.changes import entry_changes, file_changes
from bench.leaderboard.releases import entry_of, make_release, read_release, release_of, release_versions, scores_of
from bench.leaderboard.standings import standings
from bench.leaderboard.verify import verify
from bench.perquery import read_rows


def released_means(board: Path, version: str) -> dict[str, float]:
    """What the per-query scores of a release's entries give, looked up through the release alone."""
    found = {}
    for row in read_release(board, version).entries:
        rows = read_rows(scores_of(board, row))
        for subset in row.numbers:
            own = [r.value for r in rows if r.language == subset]
            found[f"{row.name}, {subset}"] = sum(own) / len(own)
    return found


def test_a_release_holds_identities_digests_and_the_numbers(tmp_path: Path) -> None:
    entry = put(tmp_path, "aa", [0.25, 0.75])
    path = make_release(tmp_path, "2026.11")
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["version"] == "2026.11"
    (row,) = stored["entries"]
    assert row["identity"] == entry.identity
    assert row["digest"] == entry.digest
    assert row["result"]["languages"]["aa"]["nDCG@10"] == 0.5
    assert row["result"]["partial"] == "1/2"
    assert row["digests"] == {"aa": entry.languages["aa"]["digests"]}
    assert entry_of(tmp_path, read_release(tmp_path, "2026.11").entries[0]) == (tmp_path / "t" / "m.json", entry)


def test_a_release_is_never_written_again(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.25, 0.75])
    path = make_release(tmp_path, "2026.11")
    before = path.read_bytes()
    put(tmp_path, "bb", [1.0])
    with pytest.raises(InputError, match="this release is there already and stays as it is"):
        make_release(tmp_path, "2026.11")
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", ["now", "", "../x", "a b", ".x", "X", "x" * 41])
def test_names_that_are_no_version(tmp_path: Path, version: str) -> None:
    put(tmp_path, "aa", [0.5])
    with pytest.raises(InputError, match="expected a version such as"):
        make_release(tmp_path, version)
    assert not (tmp_path / "releases").exists()


def test_a_board_without_entries_is_not_released(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no entries to release"):
        make_release(tmp_path, "2026.11")


def test_versions_are_in_order_and_a_wrong_one_is_answered_with_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.5])
    for version in ("2026.2", "2026.11", "2025.12"):
        make_release(tmp_path, version)
    assert release_versions(tmp_path) == ["2025.12", "2026.2", "2026.11"]
    with pytest.raises(InputError, match=r"unknown release '2026.12': did you mean .*'2026.11'"):
        read_release(tmp_path, "2026.12")
    with pytest.raises(InputError, match="unknown release"):
        read_release(tmp_path, "../releases/2026.11")


# --- what changes afterwards


def test_an_entry_that_grows_still_holds_what_was_released(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.25, 0.75])
    make_release(tmp_path, "1")
    put(tmp_path, "bb", [1.0, 0.0, 0.5])
    assert not (tmp_path / "t" / "superseded").exists()
    assert released_means(tmp_path, "1") == {"m on t, aa": 0.5}
    assert [r["partial"] for r in standings(tmp_path, release="1")] == ["1/2"]
    assert [r["partial"] for r in standings(tmp_path)] == ["2/2"]


def test_other_numbers_leave_the_released_ones_aside(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.25, 0.75])
    put(tmp_path, "bb", [0.5, 0.5])
    make_release(tmp_path, "1")
    put(tmp_path, "aa", [0.0, 0.5])
    make_release(tmp_path, "2")
    put(tmp_path, "aa", [0.0, 1.0])  # The mean of the first again, from other scores.
    assert released_means(tmp_path, "1") == {"m on t, aa": 0.5, "m on t, bb": 0.5}
    assert released_means(tmp_path, "2") == {"m on t, aa": 0.25, "m on t, bb": 0.5}
    assert len(list((tmp_path / "t" / "superseded").glob("*.json"))) == 2
    assert [fault for fault in verify(tmp_path).faults if fault.check != "shape"] == []


def test_numbers_that_no_release_names_are_replaced_without_a_trace(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.25, 0.75])
    put(tmp_path, "aa", [0.0, 0.5])
    assert not (tmp_path / "t" / "superseded").exists()


def test_a_changed_card_leaves_the_released_entry_aside_however_often(tmp_path: Path) -> None:
    for number, k in enumerate((1, 2, 1, 2), start=1):
        put(tmp_path, "aa", [number / 8], blank(system={"k": k}))
        make_release(tmp_path, str(number))
    for number in range(1, 5):
        assert released_means(tmp_path, str(number)) == {"m on t, aa": number / 8}


def test_what_a_release_names_and_is_gone(tmp_path: Path) -> None:
    put(tmp_path, "aa", [0.25, 0.75])
    make_release(tmp_path, "1")
    (tmp_path / "t" / "m.json").unlink()
    with pytest.raises(MissingError, match="no entry has the released numbers of m on t"):
        released_means(tmp_path, "1")


# --- differences


def test_differences_between_releases(tmp_path: Path) -> None:
    for model in ("stays", "changes", "recarded", "goes"):
        put(tmp_path, "aa", [0.25, 0.75], blank(model))
    (tmp_path / "reported").mkdir()
    (tmp_path / "reported" / "a.csv").write_text("1")
    (tmp_path / "reported" / "b.csv").write_text("1")
    make_release(tmp_path, "1")
    put(tmp_path, "aa", [0.25, 0.5], blank("changes"))
    put(tmp_path, "bb", [1.0], blank("changes"))
    put(tmp_path, "aa", [0.25, 0.75], blank("recarded", system={"k": 2}))
    (tmp_path / "t" / "goes.json").unlink()
    put(tmp_path, "aa", [0.5], blank("comes"))
    (tmp_path / "reported" / "a.csv").write_text("2")
    (tmp_path / "reported" / "b.csv").rename(tmp_path / "reported" / "c.csv")
    old, new = read_release(tmp_path, "1"), release_of(tmp_path, "now")
    changes = {change.model: change for change in entry_changes(old, new)}
    assert {name: change.kind for name, change in changes.items()} == {
        "changes": "changed",
        "recarded": "changed",
        "goes": "gone",
        "comes": "new",
    }
    assert changes["changes"].identity == {}
    assert changes["changes"].numbers == {
        "aa": {"nDCG@10": (0.5, 0.375)},
        "bb": {
            "nDCG@10": (None, 1.0),
            "queries": (None, 1),
            "scored": (None, 1),
            "documents": (None, 99),
            "judged": (None, 1),
        },
    }
    assert changes["recarded"].identity == {"system": ({"k": 1}, {"k": 2})}
    assert changes["recarded"].numbers == {}
    assert file_changes(old, new) == {"reported/a.csv": "changed", "reported/b.csv": "gone", "reported/c.csv": "new"}
    assert entry_changes(old, old) == []


# --- the commands


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "board"
    at = ["--board", str(board)]
    places = {"cache": tmp_path / "c", "board": board, "output": tmp_path / "o"}
    api.run("bm25", "mini", ["en"], **places)
    assert _code(["board", "release", "2026.11", *at]) == 0
    assert _code(["board", "diff", "2026.11", *at]) == 0
    assert capsys.readouterr().out == ""
    api.run("bm25", "mini", ["sw"], **places)
    assert _code(["board", "diff", "2026.11", "now", *at, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["change"], row["model"], list(row["languages"])) for row in told["entries"]] == [
        ("changed", "bm25", ["sw"])
    ]
    assert _code(["board", "show", "--release", "2026.11", *at, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (list(shown["languages"]), shown["kind"], shown["release"]) == (["en"], "measured", "2026.11")
    assert shown["languages"]["en"] == {
        key: value
        for key, value in read_entry(board / "mini" / "bm25.json").languages["en"].items()
        if key not in ("recipe", "flags", "digests")
    }
    assert _code(["board", "release", "2026.11", *at]) == 2
    path = board / "mini" / "bm25.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    assert _code(["board", "release", "2026.12", *at]) == 3
    assert "mini/bm25.json: checksum: the entry was edited" in capsys.readouterr().err
    assert not (board / "releases" / "2026.12.json").exists()
    shutil.rmtree(board / "releases")
    assert _code(["board", "show", "--release", "2026.11", *at]) == 2
