"""A download: whole or not at all, refused where it cannot be the published file, and once for all who want it."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from downloads import BODY, OTHER, SHA, Noted, names
from stub_server import Server, only_loopback

from bench import download as module
from bench.download import download
from bench.errors import MissingError, StoppedError
from bench.files import check_room
from bench.needed import Origin


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    only_loopback(monkeypatch)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    server.serve("/f", BODY)
    seen = Noted()
    download(Origin(f"{server.url}/f", SHA, len(BODY)), tmp_path / "d/f", seen)
    assert (tmp_path / "d/f").read_bytes() == BODY
    assert names(tmp_path / "d") == {"f"}
    assert (seen.events[0], seen.bytes) == (("f", 0, len(BODY)), len(BODY))
    download(Origin(f"{server.url}/f", SHA), tmp_path / "d/f")  # it is there
    assert len(server.asked) == 1


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


def test_room_is_asked_of_the_disk_that_will_hold_the_folder(tmp_path: Path) -> None:
    check_room(tmp_path / "not/yet/there", 1, "a file")
    with pytest.raises(StoppedError, match="a file takes 1,000,000,000,000,000 bytes"):
        check_room(tmp_path / "not/yet/there", 10**15, "a file")


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
