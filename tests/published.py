"""Published addresses, played by a server on this machine, and what is made of the files that lie behind them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call
from stub_server import Server, only_loopback

from bench import download


def isolate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other machine, no pauses, and no data but the test's own."""
    only_loopback(monkeypatch)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "irds"))
    monkeypatch.delenv("BENCH_DATA", raising=False)


def caching(capsys: pytest.CaptureFixture[str], cache: Path) -> Any:
    """The command line with a cache of its own."""

    def run(*arguments: object) -> Outcome:
        return call(capsys, *arguments, "--cache", cache)

    return run


def redirect(monkeypatch: pytest.MonkeyPatch, server: Server) -> dict[str, str]:
    """Published addresses are looked for on the server here: host and path become its path; the answer, by address."""
    import requests

    asked: dict[str, str] = {}
    get = requests.get

    def redirected(url: str, **options: Any) -> Any:
        path = "/" + url.split("://", 1)[1]
        asked[url] = path
        answer = get(server.url + path, **options)
        answer.url = url
        return answer

    monkeypatch.setattr(requests, "get", redirected)
    return asked


def lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def run_offline(bench: Any, task: str, language: str, *where: object) -> dict[str, Any]:
    arguments = ("--lang", language, "--offline", "--allow-unpinned", "--no-board", "--json", *where)
    outcome = bench("run", "--model", "bm25", "--task", task, *arguments)
    assert outcome.code == 0, outcome
    (result,) = json.loads(outcome.out)
    row: dict[str, Any] = result["languages"][language]
    return row
