"""A download that was broken off: resumed where the server lets it, begun again where it does not, never a mixture."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from downloads import BODY, OTHER, SHA, Noted, interrupted, names
from stub_server import Server, only_loopback

from bench import download as module
from bench.download import download
from bench.errors import MissingError, StoppedError
from bench.needed import Origin


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    only_loopback(monkeypatch)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


@pytest.mark.parametrize("checksum", [SHA, None])
def test_it_goes_on_where_it_was(server: Server, tmp_path: Path, checksum: str | None) -> None:
    interrupted(server, tmp_path / "f", 5000)
    seen = Noted()
    download(Origin(f"{server.url}/f", checksum), tmp_path / "f", seen)
    tag = f'"{hashlib.md5(BODY).hexdigest()}"'
    assert server.asked == [("/f", "bytes=5000-", tag)]
    assert (seen.events[0], seen.bytes) == (("f", 5000, len(BODY)), len(BODY) - 5000)
    assert (tmp_path / "f").read_bytes() == BODY
    assert names(tmp_path) == {"f"}


def test_the_date_stands_in_for_a_strong_etag(server: Server, tmp_path: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    interrupted(server, tmp_path / "f", 5000, etag='W/"weak"', modified=date)
    download(Origin(f"{server.url}/f"), tmp_path / "f")
    assert server.asked == [("/f", "bytes=5000-", date)]
    assert (tmp_path / "f").read_bytes() == BODY


@pytest.mark.parametrize("checksum", [SHA, None])
def test_nothing_to_recognise_the_file_by(server: Server, tmp_path: Path, checksum: str | None) -> None:
    """Without ETag and date only a checksum can tell a changed file: without it, it is begun again."""
    interrupted(server, tmp_path / "f", 5000, etag=None)
    download(Origin(f"{server.url}/f", checksum), tmp_path / "f")
    assert server.asked == [("/f", "bytes=5000-" if checksum else None, None)]
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000, ranges=False)
    seen = Noted()
    download(Origin(f"{server.url}/f"), tmp_path / "f", seen)
    assert (server.asked[0][1], seen.events[0]) == ("bytes=5000-", ("f", 0, len(BODY)))
    assert (tmp_path / "f").read_bytes() == BODY


@pytest.mark.parametrize("heeds", [True, False], ids=["If-Range heeded", "If-Range ignored"])
def test_a_changed_file_is_fetched_from_its_first_byte(server: Server, tmp_path: Path, heeds: bool) -> None:
    interrupted(server, tmp_path / "f", 5000)
    server.serve("/f", OTHER, heeds_if_range=heeds)  # as long as before
    download(Origin(f"{server.url}/f"), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == OTHER
    assert len(server.asked) == (1 if heeds else 2)


def test_a_checksum_tells_pieces_of_two_files(server: Server, tmp_path: Path) -> None:
    """A server that claims, with the old ETag, that nothing has changed; then it is fetched whole."""
    interrupted(server, tmp_path / "f", 5000, etag='"constant"')
    (tmp_path / "f.part").write_bytes(OTHER[:5000])
    seen = Noted()
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f", seen)
    assert (tmp_path / "f").read_bytes() == BODY
    assert [asked[1] for asked in server.asked] == ["bytes=5000-", None]
    assert any("starting again from its first byte" in str(event) for event in seen.events)


def test_parts_of_another_address_are_not_used(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000)
    server.serve("/g", OTHER)
    download(Origin(f"{server.url}/g", hashlib.sha256(OTHER).hexdigest()), tmp_path / "f")
    assert server.asked == [("/g", None, None)]
    assert (tmp_path / "f").read_bytes() == OTHER


@pytest.mark.parametrize("notes", ["", "[]", '{"url": 3}', None])
def test_damaged_notes_begin_again(server: Server, tmp_path: Path, notes: str | None) -> None:
    interrupted(server, tmp_path / "f", 5000)
    path = tmp_path / "f.part.json"
    path.unlink() if notes is None else path.write_text(notes)
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert server.asked == [("/f", None, None)]
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_not_used(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000)
    (tmp_path / "f.part").write_bytes(BODY + b"more")
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert [asked[1] for asked in server.asked] == [f"bytes={len(BODY) + 4}-", None]
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_complete_part_needs_no_request(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000)
    (tmp_path / "f.part").write_bytes(BODY)
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (server.asked, (tmp_path / "f").read_bytes()) == ([], BODY)


@pytest.mark.parametrize("ranges", [True, False])
def test_connections_that_break_off_midway(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.serve("/f", BODY, cuts=[1000, 70_000, 1], ranges=ranges, announced=None)
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    starts = [None, "bytes=1000-", "bytes=71000-", "bytes=71001-"] if ranges else [None, "bytes=1000-"]
    assert [asked[1] for asked in server.asked][: len(starts)] == starts
    assert names(tmp_path) == {"f"}


def test_a_connection_that_always_breaks_off_keeps_its_bytes(server: Server, tmp_path: Path) -> None:
    file = server.serve("/f", BODY, cuts=[5000] + [0] * 10)
    with pytest.raises(MissingError) as caught:
        download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    message = str(caught.value)
    assert message.startswith(f"{server.url}/f: cannot fetch: the connection broke off after 5,000 of 768,000 bytes")
    assert message.endswith("; 5,000 bytes are kept: run the same command again to go on; or put the file under --data")
    assert len(server.asked) == 1 + 3
    assert (tmp_path / "f.part").read_bytes() == BODY[:5000]
    assert json.loads((tmp_path / "f.part.json").read_text())["size"] == len(BODY)
    file.cuts.clear()
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert server.asked[-1][1] == "bytes=5000-"
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_server_that_stalls_is_asked_again(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", (5.0, 0.2))
    server.serve("/f", BODY, cuts=[5000], stall_s=1.0)
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert [asked[1] for asked in server.asked] == [None, "bytes=5000-"]
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_part_outlives_a_server_that_is_down(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000)
    server.files["/f"].statuses = [503] * 4
    with pytest.raises(MissingError, match="5,000 bytes are kept"):
        download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_only_the_rest_needs_room(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    interrupted(server, tmp_path / "f", 700_000)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=(64 << 20) + 72_000))
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_disk_that_fills_up_keeps_what_was_written(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    server.serve("/f", BODY, cuts=[5000])
    real, calls = module.write_all, []

    def full(file: Any, data: bytes) -> None:
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, data)

    monkeypatch.setattr(module, "write_all", full)
    with pytest.raises(StoppedError, match=r"f\.part: cannot write: No space left on device"):
        download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f.part").read_bytes() == BODY[:5000]
    monkeypatch.setattr(module, "write_all", real)
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (server.asked[-1][1], (tmp_path / "f").read_bytes()) == ("bytes=5000-", BODY)
