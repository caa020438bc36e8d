"""A download: whole or not at all, resumed where the server lets it, begun again where it does not, never a mixture."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stub_server import Server, only_loopback, serving

from bench import download as module
from bench.download import Transfers, download
from bench.errors import MissingError, StoppedError
from bench.files import check_room
from bench.needed import Origin

BODY = bytes(range(256)) * 3000  # 768,000 bytes
SHA = hashlib.sha256(BODY).hexdigest()
OTHER = bytes(reversed(BODY))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    only_loopback(monkeypatch)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


class Noted(Transfers):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, name: str, have: int, size: int | None) -> None:
        self.events.append((name, have, size))

    def received(self, count: int) -> None:
        self.events.append(count)

    def say(self, message: str) -> None:
        self.events.append(message)

    @property
    def bytes(self) -> int:
        return sum(event for event in self.events if isinstance(event, int))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def interrupted(server: Server, target: Path, at: int, **options: Any) -> None:
    """Leave behind what a download leaves that was broken off after `at` bytes, as a killed process would."""

    class Killed(Noted):
        def received(self, count: int) -> None:
            super().received(count)
            if self.bytes == at:
                raise KeyboardInterrupt

    server.serve("/f", BODY, cuts=[at], announced=len(BODY), **options)
    with pytest.raises(KeyboardInterrupt):
        download(Origin(f"{server.url}/f", SHA), target, Killed())
    assert target.with_name("f.part").read_bytes() == BODY[:at]
    assert not target.exists()
    server.asked.clear()


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    server.serve("/f", BODY)
    seen = Noted()
    download(Origin(f"{server.url}/f", SHA, len(BODY)), tmp_path / "d/f", seen)
    assert (tmp_path / "d/f").read_bytes() == BODY
    assert names(tmp_path / "d") == {"f"}
    assert (seen.events[0], seen.bytes) == (("f", 0, len(BODY)), len(BODY))
    download(Origin(f"{server.url}/f", SHA), tmp_path / "d/f")  # it is there
    assert len(server.asked) == 1


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


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.serve("/f", BODY, statuses=[503, 429])
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (len(server.asked), (tmp_path / "f").read_bytes()) == (3, BODY)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "cannot fetch: 404 Not Found; or put the file under --data"),
        (403, "cannot fetch: 403 Forbidden (a login or the acceptance of terms may be needed); or put the file"),
        (500, "cannot fetch: 500 Internal Server Error; or put the file under --data"),
    ],
)
def test_a_file_that_is_not_to_be_had(server: Server, tmp_path: Path, status: int, message: str) -> None:
    server.serve("/f", BODY, statuses=[status] * 9)
    with pytest.raises(MissingError) as caught:
        download(Origin(f"{server.url}/f", SHA), tmp_path / "d/f")
    assert str(caught.value).startswith(f"{server.url}/f: {message}")
    assert names(tmp_path / "d") == set()
    assert len(server.asked) == (4 if status == 500 else 1)


def test_a_part_outlives_a_server_that_is_down(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path / "f", 5000)
    server.files["/f"].statuses = [503] * 4
    with pytest.raises(MissingError, match="5,000 bytes are kept"):
        download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_wrong_checksum_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.serve("/f", OTHER)
    wrong = hashlib.md5(OTHER).hexdigest()
    with pytest.raises(MissingError) as caught:
        download(Origin(f"{server.url}/f", f"md5:{'0' * 32}"), tmp_path / "d/f")
    expected = f"{server.url}/f: md5 is {wrong}, expected {'0' * 32}: the source has changed"
    assert (str(caught.value), names(tmp_path / "d")) == (expected, set())


@pytest.mark.parametrize(
    ("expected", "announced", "message"),
    [
        (100_000_000, len(BODY), "announces 768,000 bytes, about 100,000,000 are expected: not the published file"),
        (1000, 5_000_000, "announces 5,000,000 bytes, about 1,000 are expected: not the published file"),
        (None, 1 << 40, f"announces {1 << 40:,} bytes, more than {64 << 30:,} are taken for a mistake"),
    ],
)
def test_a_size_that_cannot_be_right_is_refused_at_once(
    server: Server, tmp_path: Path, expected: int | None, announced: int, message: str
) -> None:
    server.serve("/f", BODY, announced=announced)
    seen = Noted()
    with pytest.raises(MissingError) as caught:
        download(Origin(f"{server.url}/f", None, expected), tmp_path / "d/f", seen)
    assert message in str(caught.value)
    assert (seen.events, names(tmp_path / "d")) == ([], set())


def test_an_endless_answer_is_cut_off(server: Server, tmp_path: Path) -> None:
    server.serve("/f", bytes(4_000_000), announced=-1)
    with pytest.raises(MissingError, match=r"the server sends more than 1,058,576 bytes: nothing of it is kept"):
        download(Origin(f"{server.url}/f", None, 5000), tmp_path / "d/f")
    assert names(tmp_path / "d") == set()
    server.serve("/f", BODY, announced=-1)
    download(Origin(f"{server.url}/f", SHA, 500_000), tmp_path / "d/f")
    assert (tmp_path / "d/f").read_bytes() == BODY


def test_headers_and_redirects(server: Server, tmp_path: Path) -> None:
    server.serve("/f", BODY, wants={"X-Version": "7"})
    server.serve("/old", b"", redirect="/f")
    download(Origin(f"{server.url}/old", SHA, headers=(("X-Version", "7"),)), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_packed_body_is_kept_as_it_is_packed(server: Server, tmp_path: Path) -> None:
    """Also where a server calls the packing of a .gz file an encoding."""
    packed = gzip.compress(BODY)
    server.serve("/f.gz", packed, encoding="gzip")
    download(Origin(f"{server.url}/f.gz", hashlib.sha256(packed).hexdigest()), tmp_path / "f.gz")
    assert (tmp_path / "f.gz").read_bytes() == packed


def test_a_full_disk_is_seen_before_the_first_byte(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    server.serve("/f", BODY)
    margin = (64 << 20) + len(BODY) // 20
    usage = shutil.disk_usage(tmp_path)
    for free, room in ((len(BODY) + margin - 1, False), (len(BODY) + margin, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        if room:
            download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
            continue
        with pytest.raises(StoppedError) as caught:
            download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
        assert str(caught.value) == (
            f"{tmp_path}: f takes 768,000 bytes, {len(BODY) + margin:,} with a margin, and {free:,} are free; "
            "make room, or give another folder"
        )
    assert (tmp_path / "f").read_bytes() == BODY


def test_only_the_rest_needs_room(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    interrupted(server, tmp_path / "f", 700_000)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=(64 << 20) + 72_000))
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_room_is_asked_of_the_disk_that_will_hold_the_folder(tmp_path: Path) -> None:
    check_room(tmp_path / "not/yet/there", 1, "a file")
    with pytest.raises(StoppedError, match="a file takes 1,000,000,000,000,000 bytes"):
        check_room(tmp_path / "not/yet/there", 10**15, "a file")


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


def test_a_host_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f"
        with pytest.raises(MissingError) as caught:
            download(Origin(url, SHA), tmp_path / "f")
    assert str(caught.value) == f"{url}: cannot fetch: Connection refused; or put the file under --data"
    assert names(tmp_path) == set()


def test_an_answer_that_is_not_http(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"hello\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(MissingError, match="cannot fetch: hello"):
            download(Origin(f"http://127.0.0.1:{listening.getsockname()[1]}/f", SHA), tmp_path / "f")
        thread.join()
    assert names(tmp_path) == set()


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"^ftp://x/f: cannot fetch: No connection adapters"):
        download(Origin("ftp://x/f"), tmp_path / "f")


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    server.serve("/f", BODY, cuts=[5000], stall_s=0.3)
    origin, failures = Origin(f"{server.url}/f", SHA), []

    def fetch() -> None:
        try:
            download(origin, tmp_path / "f")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [asked[1] for asked in server.asked] == [None, "bytes=5000-"]
    assert (names(tmp_path), (tmp_path / "f").read_bytes()) == ({"f"}, BODY)


def test_a_file_is_replaced_only_by_a_whole_one(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    server.serve("/f", BODY, cuts=[5000] + [0] * 5)
    with pytest.raises(MissingError):
        download(Origin(f"{server.url}/f", SHA), tmp_path / "f", replace=True)
    assert (tmp_path / "f").read_bytes() == b"old"
    server.files["/f"].cuts.clear()
    download(Origin(f"{server.url}/f", SHA), tmp_path / "f", replace=True)
    assert (tmp_path / "f").read_bytes() == BODY


def test_no_encryption_in_place_of_it_and_nothing_to_compare_with(
    server: Server, tmp_path: Path, monkeypatch: Any
) -> None:
    """As after a redirect from https to http; with a checksum it does not matter who could have changed the file."""
    import requests

    get = requests.get
    monkeypatch.setattr(requests, "get", lambda url, **options: get(url.replace("https:", "http:"), **options))
    server.serve("/f", BODY)
    url = f"{server.url}/f".replace("http:", "https:")
    with pytest.raises(MissingError, match=r"is answered without encryption from http://.*, and has no checksum"):
        download(Origin(url), tmp_path / "f")
    download(Origin(url, SHA), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
