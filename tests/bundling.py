"""`bench bundle` called, and what it has packed beside its manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest


def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data but the test's own, and undone after the test what `--offline` sets."""
    monkeypatch.delenv("BENCH_DATA", raising=False)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "0")


def packed(bench: Any, tmp_path: Path, *arguments: object, out: str = "bundle") -> dict[str, Any]:
    outcome = bench("bundle", *arguments, "--out", tmp_path / out, "--cache", tmp_path / "cache", "--json")
    assert outcome.code == 0, outcome.err
    manifest: dict[str, Any] = json.loads(outcome.out)
    assert json.loads((tmp_path / out / "MANIFEST.json").read_text()) | {"folder": str(tmp_path / out)} == manifest
    check(tmp_path / out, manifest)
    return manifest


def check(folder: Path, manifest: dict[str, Any]) -> None:
    """Exactly the files of the manifest lie there, with its digests; no path of this machine is in it."""
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert found == {file["name"]: file["sha256"] for file in manifest["files"]}
    assert all((folder / file["name"]).stat().st_size == file["bytes"] for file in manifest["files"])
    texts = [(folder / name).read_text() for name in ("MANIFEST.json", "LICENSES.txt")]
    assert not any(str(folder.parent) in text or str(Path.home()) in text for text in texts)
