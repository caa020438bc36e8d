"""Files of a benchmark that are missing, cut or changed: the message, the exit code, and nothing half-written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mishaps import Bench, states


@pytest.fixture
def xquad(test_data: Path, tmp_path: Path) -> Path:
    """A data folder with copies of XQuAD's English and Turkish."""
    folder = tmp_path / "data"
    (folder / "xquad").mkdir(parents=True)
    for language in ("en", "tr"):
        name = f"xquad.{language}.json.gz"
        (folder / "xquad" / name).write_bytes((test_data / "xquad" / name).read_bytes())
    return folder


def alter(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a gzipped file."""
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()).decode()).encode(), mtime=0))


def test_missing_files_are_named_with_the_mend(bench: Bench, xquad: Path) -> None:
    arguments = ("--data", xquad, "--offline")
    url = "https://raw.githubusercontent.com/deepmind/xquad/60cac411649156efb6aab9dd4c9cde787a2c0345/xquad.de.json"
    missing = (
        f"xquad, de: no xquad/xquad.de.json or xquad/xquad.de.json.gz under {xquad}, "
        f"and --offline (or --dry-run) forbids to fetch {url} (bench tasks fetch xquad --lang de --data {xquad})"
    )
    assert bench.fails(*arguments, "--lang", "de", task="xquad") == (3, f"bench: {missing}\n")
    code, out, err = bench(*arguments, "--lang", "de,tr", "--json", "--strict", task="xquad")
    (result,) = json.loads(out)
    assert (code, err, list(result["languages"])) == (3, "", ["tr"])
    assert f"missing: {missing}" in result["notes"]
    assert "de" in result["missing"]


def test_a_download_folder_is_asked_for_only_where_one_is_given(bench: Bench) -> None:
    code, err = bench.fails("--lang", "de", "--offline", task="xquad")
    assert code == 3
    assert err.startswith("bench: xquad, de: no --data folder was given, and --offline (or --dry-run) forbids to fetch")


@pytest.mark.parametrize("options", [["--offline"], []], ids=["offline", "online"])
def test_a_truncated_file_stops_the_run_before_anything_is_done(bench: Bench, xquad: Path, options: list[str]) -> None:
    path = xquad / "xquad" / "xquad.en.json.gz"
    path.write_bytes(path.read_bytes()[:-1000])
    message = (
        f"{path}: the gzip file is truncated or damaged: Compressed file ended before the end-of-stream marker was "
        "reached; get it again"
    )
    assert bench.fails("--data", xquad, "--lang", "tr,en", *options, task="xquad") == (3, f"bench: {message}\n")


def test_a_file_with_the_wrong_checksum(bench: Bench, xquad: Path) -> None:
    assert bench("--data", xquad, "--lang", "tr", task="xquad").code == 0
    alter(xquad / "xquad" / "xquad.tr.json.gz", lambda text: text.replace("Super Bowl", "Super Bowie", 1))
    code, err = bench.fails("--data", xquad, "--lang", "tr", "--offline", task="xquad")
    assert code == 3
    first, pin, last = err.splitlines()
    assert first == "bench: xquad, tr: the data differ from the card's pins:"
    assert pin.startswith(
        "  sha256 of xquad/xquad.tr.json: the card says 92179a564774b7696100d144c1e10870d0a966b6fccbdd254a65b9d2ab1971cc, found "
    )
    assert last == "get the data again, or go on without a leaderboard entry with --allow-unpinned"
    # Gone on with, it is said so, and the entry of the true data stays as it was.
    before = states(bench.board)
    code, out, _ = bench("--data", xquad, "--lang", "tr", "--allow-unpinned", "--json", task="xquad")
    (result,) = json.loads(out)
    assert (code, result["pins"], result["entry"]) == (0, "differ", None)
    assert "no leaderboard entry: the data differ from the card's pins" in result["notes"]
    assert states(bench.board) == before


def test_a_change_that_counts_and_fingerprint_do_not_see_still_differs(bench: Bench, xquad: Path) -> None:
    alter(xquad / "xquad" / "xquad.tr.json.gz", lambda text: text + "\n")
    code, out, _ = bench("--data", xquad, "--lang", "tr", "--allow-unpinned", "--json", task="xquad")
    (result,) = json.loads(out)
    assert (code, result["pins"], result["entry"]) == (0, "differ", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [', "{path}: truncated or not JSON: "),
        ('{"version": 1}', "{path}: not in SQuAD's layout (data, paragraphs, context, qas): KeyError('data')"),
        ('{"data": 3}', "{path}: not in SQuAD's layout (data, paragraphs, context, qas): TypeError"),
        ("[" * 100_000, "{path}: truncated or not JSON: "),
        ('{"data": []}', "xquad, tr: there are no queries"),
    ],
)
def test_a_file_in_another_layout(bench: Bench, xquad: Path, text: str, message: str) -> None:
    path = xquad / "xquad" / "xquad.tr.json.gz"
    alter(path, lambda _: text)
    code, err = bench.fails("--data", xquad, "--lang", "tr", "--offline", "--allow-unpinned", task="xquad")
    assert code == 3
    assert err.startswith("bench: " + message.format(path=path))
