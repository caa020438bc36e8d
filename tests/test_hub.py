"""`hf:` names: a commit from the local cache when offline, and from a hub that is asked; a stub on this machine plays it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tiny

import bench
from bench.api import planned
from bench.errors import InputError, MissingError
from bench.weights import hub

COMMIT, OLDER = "c0ffee" * 6 + "c0ff", "beef" * 10
FILES = {
    "config.json": b'{"model_type": "mt5"}',
    "modules.json": b"[]",
    "config_sentence_transformers.json": b'{"prompts": {"query": "ask: "}, "similarity_fn_name": "dot"}',
    "model.safetensors": b"weights that nobody loads here",
    "tokenizer.json": b"{}",
    "onnx/model.onnx": b"a copy of the weights that nobody needs",
    "1_Pooling/config.json": b"{}",
}


def cached(home: Path, name: str = "acme/tiny", **revisions: str) -> Path:
    """A hub cache laid out by hand, as huggingface_hub does: a snapshot a commit, and what branches point to."""
    root = home / "hub" / f"models--{name.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    for branch, commit in revisions.items():
        (root / "refs" / branch).write_text(commit)
        for file, data in FILES.items():
            path = root / "snapshots" / commit / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HF_HOME for this process, which may have read the variable long ago."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    return tmp_path / "home"


def test_a_cached_model_is_found_offline_by_its_commit(home: Path) -> None:
    root = cached(home, main=COMMIT, old=OLDER)
    newest = hub("acme/tiny", None, offline=True)
    assert (newest.folder, newest.name, newest.revision, newest.digest) == (
        root / "snapshots" / COMMIT,
        "acme/tiny",
        COMMIT,
        None,
    )
    assert newest.identity == {"hub": "acme/tiny", "revision": COMMIT}
    assert hub("acme/tiny", "old", offline=True).revision == OLDER
    assert hub("acme/tiny", OLDER, offline=True).revision == OLDER


def test_its_commit_and_its_own_settings_are_in_the_identity(home: Path, tmp_path: Path) -> None:
    cached(home, main=COMMIT, old=OLDER)

    def identity(model: str) -> dict[str, Any]:
        plan = planned(model, "mini", ["en"], cache=tmp_path / "cache", offline=True)
        assert not plan.system.bare
        return plan.system.identity

    newest = identity("hf:acme/tiny")
    assert newest["query"]["weights"] == {"hub": "acme/tiny", "revision": COMMIT}
    assert (newest["query"]["prompt"], newest["document"]["prompt"], newest["query"]["similarity"]) == (
        "ask: ",
        "",
        "dot",
    )
    assert identity(f"hf:acme/tiny@{COMMIT}") == newest
    assert identity("hf:acme/tiny@old")["query"]["weights"]["revision"] == OLDER


def test_a_card_without_a_revision_is_resolved_when_it_runs(home: Path, tmp_path: Path) -> None:
    """Only what was resolved enters the board: each commit that the branch led to is a system of its own."""
    root, cards = home / "hub" / "models--acme--real", tmp_path / "cards" / "models"
    weights = tiny.save_model(tmp_path / "weights", tiny.word_tokenizer())
    for commit in (OLDER, COMMIT):
        shutil.copytree(weights, root / "snapshots" / commit)
    (root / "refs").mkdir()
    cards.mkdir(parents=True)
    (cards / "real.yaml").write_text(
        "name: real\nkind: dense\ndescription: d\nlicence: MIT\nlanguages: any\n"
        "weights: {hub: acme/real, revision: null}\n"
    )
    shared: dict[str, Any] = {"cache": tmp_path / "c", "cards": cards.parent, "board": tmp_path / "b", "offline": True}
    entries = []
    for commit in (OLDER, COMMIT):
        (root / "refs" / "main").write_text(commit)
        entry = json.loads(Path(bench.run("real", "mini", ["en"], **shared)["entry"]).read_text())
        expected = {"hub": "acme/real", "revision": commit}
        assert [entry["identity"]["system"][side]["weights"] for side in ("query", "document")] == [expected] * 2
        assert entry["languages"]["en"]["recipe"]["weights"] == [{"name": "acme/real", **expected}]
        entries.append(f"real--{entry['id']}.json")
    assert sorted(path.name for path in (tmp_path / "b" / "mini").glob("*.json")) == sorted(entries)
    assert len(set(entries)) == 2


def test_offline_says_what_is_missing(home: Path, tmp_path: Path) -> None:
    cached(home, main=COMMIT)
    expected = r"^hf:acme/tiny@gone: not in the local cache \(HF_HOME\), and --offline .*forbids to fetch it$"
    with pytest.raises(MissingError, match=expected):
        hub("acme/tiny", "gone", offline=True)
    with pytest.raises(MissingError, match=r"^hf:acme/other: not in the local cache"):
        bench.run("hf:acme/other", "mini", cache=tmp_path, offline=True)
    with pytest.raises(InputError, match=r"^hf:a/b/c: not a model name of the hub"):
        hub("a/b/c", None, offline=True)


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's interface as a snapshot takes."""

    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.split("?")[0]
        if path.startswith("/api/models/acme/tiny/revision/"):
            siblings = [{"rfilename": name} for name in FILES]
            self._answer(
                json.dumps({"id": "acme/tiny", "sha": COMMIT, "siblings": siblings}).encode(), "application/json"
            )
        elif path.startswith(f"/api/models/acme/tiny/tree/{COMMIT}"):
            rows = [
                {"type": "file", "path": n, "size": len(d), "oid": hashlib.sha1(d).hexdigest()}
                for n, d in FILES.items()
            ]
            self._answer(json.dumps(rows).encode(), "application/json")
        elif path.startswith(f"/acme/tiny/resolve/{COMMIT}/"):
            self._answer(FILES[path.removeprefix(f"/acme/tiny/resolve/{COMMIT}/")], "application/octet-stream")
        else:
            self.send_error(404)

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hub.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def asked(name: str, home: Path, endpoint: str, *, offline: bool) -> tuple[int, str]:
    """`hub` in a process of its own, since the library reads its variables once: exit code and what it printed."""
    code = f"""
import json, sys
from bench.errors import BenchError
from bench.weights import hub
try:
    found = hub({name!r}, None, offline={offline})
except BenchError as error:
    sys.exit(print(error) or error.exit_code)
print(json.dumps([str(found.folder), found.identity, sorted(p.relative_to(found.folder).as_posix() for p in found.folder.rglob("*") if p.is_file())]))
"""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))
    }
    environment |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2, 3), done.stderr
    return done.returncode, done.stdout.strip()


def test_a_hub_is_asked_once_and_its_newest_commit_recorded(tmp_path: Path, endpoint: str) -> None:
    code, printed = asked("acme/tiny", tmp_path / "home", endpoint, offline=False)
    assert code == 0, printed
    folder, identity, files = json.loads(printed)
    assert identity == {"hub": "acme/tiny", "revision": COMMIT}
    assert files == sorted(set(FILES) - {"onnx/model.onnx"})
    assert {name: (Path(folder) / name).read_bytes() for name in files} == {name: FILES[name] for name in files}
    questions = len(Hub.asked)
    assert questions > 0
    assert asked("acme/tiny", tmp_path / "home", endpoint, offline=True) == (0, printed)
    assert len(Hub.asked) == questions


def test_a_hub_that_does_not_have_it_or_does_not_answer(tmp_path: Path, endpoint: str) -> None:
    code, printed = asked("acme/unknown", tmp_path / "home", endpoint, offline=False)
    assert code == 3
    assert printed.startswith("hf:acme/unknown: not in the local cache (HF_HOME), and cannot be fetched: ")
    code, printed = asked("acme/tiny", tmp_path / "home", "http://127.0.0.1:9", offline=False)
    assert code == 3
    assert printed.startswith("hf:acme/tiny: not in the local cache (HF_HOME), and cannot be fetched: ")
