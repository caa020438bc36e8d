"""Checksums as cards pin them: what they are of, and what is remembered."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from bench import checksums
from bench.checksums import Checksum, Checksums
from bench.errors import MissingError

CONTENT = b"six\tSwahili\n" * 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("md5:" + "0a" * 16, ("md5", "0a" * 16)),
        ("sha256:" + "0a" * 32, ("sha256", "0a" * 32)),
        ("0a" * 32, ("sha256", "0a" * 32)),
    ],
)
def test_forms(text: str, expected: tuple[str, str]) -> None:
    assert Checksum.parse(text) == expected


@pytest.mark.parametrize("text", ["", "0a" * 16, "md5:" + "0a" * 32, "sha1:" + "0a" * 20, "md5:" + "0A" * 16])
def test_no_checksum(text: str) -> None:
    with pytest.raises(ValueError, match="expected md5:<32 hex digits>, sha256:<64 hex digits> or 64 hex digits"):
        Checksum.parse(text)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_plain_and_packed_bytes(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "plain").write_bytes(CONTENT)
    (tmp_path / "packed").write_bytes(gzip.compress(CONTENT))
    expected = hashlib.new(algorithm, CONTENT).hexdigest()
    assert Checksums().of(tmp_path / "plain", algorithm) == expected
    assert Checksums().of(tmp_path / "packed", algorithm) == expected
    packed = hashlib.new(algorithm, (tmp_path / "packed").read_bytes()).hexdigest()
    assert Checksums().of(tmp_path / "packed", algorithm, packed=True) == packed


def test_damaged_and_absent(tmp_path: Path) -> None:
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(CONTENT)[:-5])
    with pytest.raises(MissingError, match="packed: the gzip file is truncated or damaged"):
        Checksums().of(path, "md5")
    with pytest.raises(MissingError, match="absent: cannot read"):
        Checksums().of(tmp_path / "absent", "md5")


def test_large_files_are_read_once_until_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = checksums._digest
    monkeypatch.setattr(checksums, "_LARGE", 100)
    monkeypatch.setattr(checksums, "_digest", lambda path, *rest: read.append(path.name) or real(path, *rest))
    large, small, memory = tmp_path / "large", tmp_path / "small", tmp_path / "cache/checksums.json"
    large.write_bytes(CONTENT)
    small.write_bytes(CONTENT[:50])
    for _ in range(2):
        assert Checksums(memory).of(large, "md5") == hashlib.md5(CONTENT).hexdigest()
        assert Checksums(memory).of(small, "md5") == hashlib.md5(CONTENT[:50]).hexdigest()
    assert read == ["large", "small", "small"]

    Checksums(memory).of(large, "sha256")
    Checksums(memory).of(large, "md5", packed=True)
    assert read[3:] == ["large", "large"]

    changed = CONTENT[:-1] + b"!"
    large.write_bytes(changed)
    os.utime(large, ns=(1, 1))
    assert Checksums(memory).of(large, "md5") == hashlib.md5(changed).hexdigest()

    memory.write_text("{broken", encoding="utf-8")
    assert Checksums(memory).of(large, "md5") == hashlib.md5(changed).hexdigest()
    assert list(json.loads(memory.read_text(encoding="utf-8"))) == [f"{large.resolve()} md5"]
