"""Archives: wanted files come out whole or none does, and a hostile archive gets nothing anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import archives
from bench.archives import unpack
from bench.errors import MissingError, StoppedError

Member = tuple[tarfile.TarInfo, bytes]


def plain(name: str, content: bytes = b"content") -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special(name: str, kind: bytes, target: str = "") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tar(path: Path, *members: Member, mode: Any = "w:gz") -> Path:
    with tarfile.open(path, mode=mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path: Path, *members: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where archives lie and are unpacked, one level below a folder that nothing may reach."""
    made = tmp_path / "inside"
    made.mkdir()
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


GOOD = [
    plain("./top/a.tsv", b"a"),
    plain("top/deep/b.tsv", b"b"),
    plain("top/c", b"c"),
    special("top", tarfile.DIRTYPE),
]


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_wanted_files_come_out(folder: Path, mode: str) -> None:
    archive = tar(folder / "x", *GOOD, mode=mode)
    written = unpack(
        archive,
        {"top/a.tsv": folder / "out/1", "*/deep/b.tsv": folder / "out/n/2"},
        {"none": folder / "3"},
        folder=folder,
    )
    assert sorted(written) == [folder / "out/1", folder / "out/n/2"]
    archive.unlink()
    assert files(folder) == {"out/1": b"a", "out/n/2": b"b"}
    assert list(folder.glob(".*")) == []


def test_a_zip_archive(folder: Path) -> None:
    archive = zipped(folder / "x", ("top/", b""), ("top/a.tsv", b"a" * 1000), ("b.tsv", b"b"))
    unpack(archive, {"*/a.tsv": folder / "1", "*/b.tsv": folder / "2"}, folder=folder)
    assert ((folder / "1").read_bytes(), (folder / "2").read_bytes()) == (b"a" * 1000, b"b")


@pytest.mark.parametrize(
    ("name", "found"),
    [("index.jsonl", True), ("any/index.jsonl", True), ("any/deeper/index.jsonl", False), ("any/other.jsonl", False)],
)
def test_a_star_stands_for_one_folder_or_none(folder: Path, name: str, found: bool) -> None:
    archive = tar(folder / "x.tgz", plain(name))
    if found:
        unpack(archive, {"*/index.jsonl": folder / "1"}, folder=folder)
        assert (folder / "1").is_file()
    else:
        with pytest.raises(MissingError, match=r"no \*/index.jsonl in it; get the right archive"):
            unpack(archive, {"*/index.jsonl": folder / "1"}, folder=folder)


def test_of_alternatives_the_first_is_taken(folder: Path) -> None:
    archive = tar(folder / "x.tgz", plain("r/dev/a", b"dev"), plain("r/validation/a", b"validation"))
    unpack(archive, {"*/validation/a": folder / "1"}, {"*/dev/a": folder / "1"}, folder=folder)
    assert (folder / "1").read_bytes() == b"dev"


def test_all_or_none(folder: Path) -> None:
    archive = tar(folder / "x.tgz", plain("a"), plain("b"))
    with pytest.raises(MissingError) as caught:
        unpack(archive, {"a": folder / "1", "c": folder / "2"}, folder=folder)
    assert str(caught.value) == f"{archive}: no c in it; get the right archive"
    assert set(files(folder)) == {"x.tgz"}


OUT = "not to be trusted, nothing of it was unpacked"
HOSTILE: dict[str, tuple[list[Member], str]] = {
    "absolute": ([plain("/etc/evil")], f"the name '/etc/evil' leads out of its folder: {OUT}"),
    "upwards": ([plain("top/../../evil")], f"the name 'top/../../evil' leads out of its folder: {OUT}"),
    "upwards folder": ([special("../evil", tarfile.DIRTYPE)], f"the name '../evil' leads out of its folder: {OUT}"),
    "backwards": ([plain("..\\evil")], f"leads out of its folder: {OUT}"),
    "drive": ([plain("C:/evil")], f"leads out of its folder: {OUT}"),
    "device": ([special("top/null", tarfile.CHRTYPE)], f"'top/null' is a device: {OUT}"),
    "pipe": ([special("top/pipe", tarfile.FIFOTYPE)], f"'top/pipe' is a device: {OUT}"),
    "wanted symlink": ([special("a", tarfile.SYMTYPE, "/etc/passwd")], "'a' is a link, not a file"),
    "wanted hard link": ([plain("b"), special("a", tarfile.LNKTYPE, "b")], "'a' is a link, not a file"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_hostile_archive_gets_nothing(folder: Path, case: str, first: bool) -> None:
    members, message = HOSTILE[case]
    good = [plain("z/a" if "wanted" in case else "a")]
    archive = tar(folder / "x.tgz", *(members + good if first else good + members))
    with pytest.raises(MissingError) as caught:
        unpack(archive, {"a": folder / "1"}, folder=folder)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{archive}: ")
    assert set(files(folder.parent)) == {"inside/x.tgz"}
    assert not any(path.is_symlink() for path in folder.parent.rglob("*"))


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "a/../../evil"])
def test_a_hostile_zip_archive(folder: Path, name: str) -> None:
    archive = zipped(folder / "x.zip", ("a", b"a"), (name, b"x"))
    with pytest.raises(MissingError, match="leads out of its folder"):
        unpack(archive, {"a": folder / "1"}, folder=folder)
    assert set(files(folder.parent)) == {"inside/x.zip"}


def test_a_link_in_a_zip_archive(folder: Path) -> None:
    archive = zipped(folder / "x.zip", ("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)
    with pytest.raises(MissingError, match="'a' is a link"):
        unpack(archive, {"a": folder / "1"}, folder=folder)


def test_links_that_nobody_wants_are_passed_over(folder: Path) -> None:
    archive = tar(folder / "x.tgz", special("l", tarfile.SYMTYPE, "/etc"), plain("l/../a"[-1:], b"a"))
    unpack(archive, {"a": folder / "1"}, folder=folder)
    assert (folder / "1").read_bytes() == b"a"
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def zeros_in_a_tar(path: Path) -> Path:
    info = tarfile.TarInfo("a")
    info.size = 8 << 20
    with gzip.open(path, "wb", compresslevel=9) as packed:
        packed.write(info.tobuf())
        for _ in range(8):
            packed.write(bytes(1 << 20))
        packed.write(bytes(1024))
    return path


def zeros_after_a_tar(path: Path) -> Path:
    plain_tar = tar(path.with_name("plain"), plain("a"), mode="w")
    with gzip.open(path, "wb", compresslevel=9) as packed:
        packed.write(plain_tar.read_bytes())
        for _ in range(16):
            packed.write(bytes(1 << 20))
    plain_tar.unlink()
    return path


def a_name_of_16_megabytes(path: Path) -> Path:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 16 << 20
    with gzip.open(path, "wb", compresslevel=9) as packed:
        packed.write(info.tobuf())
        for _ in range(16):
            packed.write(b"a" * (1 << 20))
    return path


def zeros_in_a_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open("a", "w") as member:
        for _ in range(8):
            member.write(bytes(1 << 20))
    return path


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so low that small bombs go beyond them."""
    monkeypatch.setattr(archives, "HARMLESS", 1 << 20)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 100)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("bomb", [zeros_in_a_tar, zeros_in_a_zip])
def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path, bomb: Callable[[Path], Path], monkeypatch: Any) -> None:
    archive = bomb(folder / "x")
    assert archive.stat().st_size < 10_000 + 1000
    monkeypatch.setattr(archives, "_copy", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(MissingError, match=r"its members have more than 1,048,576 bytes, 100 times its own size: not"):
        unpack(archive, {"a": folder / "1"}, folder=folder)
    assert set(files(folder)) == {"x"}


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("bomb", [zeros_after_a_tar, a_name_of_16_megabytes])
def test_a_bomb_outside_the_members(folder: Path, bomb: Callable[[Path], Path]) -> None:
    archive = bomb(folder / "x")
    with pytest.raises(MissingError, match="it unpacks to far more than its size"):
        unpack(archive, {"a": folder / "1"}, folder=folder)
    assert set(files(folder)) == {"x"}


def test_what_packs_well_is_no_bomb(folder: Path) -> None:
    archive = tar(folder / "x.tgz", plain("a", bytes(40 << 20)))  # 1000 times its size, and harmless
    assert unpack(archive, {"a": folder / "1"}, folder=folder) == [folder / "1"]


def test_too_many_members(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 100)
    exact = tar(folder / "x.tgz", plain("a"), *(plain(f"n{i}", b"") for i in range(99)))
    unpack(exact, {"a": folder / "1"}, folder=folder)
    more = tar(folder / "y.tgz", plain("a"), *(plain(f"n{i}", b"") for i in range(100)))
    with pytest.raises(MissingError, match="it has more than 100 members: not to be trusted"):
        unpack(more, {"a": folder / "2"}, folder=folder)
    assert not (folder / "2").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated or damaged"),
        (b"<html>404</html>" * 100, "truncated or damaged"),
        (bz2.compress(b"x"), "truncated or damaged"),
        (b"PK\x03\x04garbage", "truncated or damaged"),
        (gzip.compress(b"not a tar" * 200), "truncated or damaged"),
    ],
    ids=["empty", "a web page", "bzip2", "half a zip", "gzip of no tar"],
)
def test_what_is_no_archive(folder: Path, content: bytes, message: str) -> None:
    (folder / "x").write_bytes(content)
    with pytest.raises(MissingError, match=rf"x: .*({message}|no a in it).*; get"):
        unpack(folder / "x", {"a": folder / "1"}, folder=folder)
    assert set(files(folder)) == {"x"}


def test_half_an_archive_and_a_flipped_bit(folder: Path) -> None:
    whole = tar(folder / "x", plain("a", os.urandom(50_000)), plain("b", os.urandom(50_000))).read_bytes()
    damaged = [whole[: len(whole) // 2], whole[:-4], bytearray(whole)]
    damaged[2][-6] ^= 1  # in the checksum of the gzip stream, behind the last member  # type: ignore[index]
    for content in damaged:
        (folder / "x").write_bytes(content)
        with pytest.raises(MissingError, match=r"the archive is truncated or damaged: .*; get it again"):
            unpack(folder / "x", {"a": folder / "1"}, folder=folder)
        assert set(files(folder)) == {"x"}


def test_a_disk_that_fills_up_leaves_nothing(folder: Path, monkeypatch: Any) -> None:
    archive = tar(folder / "x.tgz", plain("a"), plain("b"))
    calls = []

    def full(file: Any, data: bytes) -> None:
        calls.append(data)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        file.write(data)

    monkeypatch.setattr(archives, "write_all", full)
    with pytest.raises(StoppedError, match="cannot write: No space left on device"):
        unpack(archive, {"a": folder / "1", "b": folder / "2"}, folder=folder)
    assert set(files(folder)) == {"x.tgz"}
    assert list(folder.glob(".*")) == []


def test_what_a_killed_process_left_is_swept(folder: Path) -> None:
    archive = tar(folder / "x.tgz", plain("a"))
    (folder / ".x.tgz.unpacked").mkdir()
    (folder / ".x.tgz.unpacked/0").write_bytes(b"half")
    unpack(archive, {"a": folder / "1"}, folder=folder)
    assert files(folder) == {"x.tgz": archive.read_bytes(), "1": b"content"}
