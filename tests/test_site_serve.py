"""`bench site serve`: the pages on this machine alone, until Ctrl-C."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import store
from console import CHECKOUT, call

from bench.cli.site_serve import server


def test_files_of_the_folder_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "task").mkdir(parents=True)
    (out / "index.html").write_text("home", encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    with server(out, 0) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        assert listening.server_address[0] == "127.0.0.1"

        def get(path: str) -> tuple[int, bytes, str | None]:
            link = http.client.HTTPConnection("127.0.0.1", listening.server_port, timeout=10)
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read(), answer.getheader("Cache-Control")

        assert get("/") == (200, b"home", "no-store")
        assert get("/task/")[0] == 404  # no listing
        assert get("/../secret")[0] == 404
        assert get("/%2e%2e/secret")[0] == 404
        listening.shutdown()


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="a build draws charts: pip install '.[site]'")
    store(tmp_path / "board", "m", {"x": [0.5]})
    with server(tmp_path, 0) as taken:
        given = ("--board", tmp_path / "board", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
        outcome = call(capsys, "site", "serve", "--port", taken.server_port, *given)
    assert outcome.code == 2
    assert f"--port {taken.server_port}: cannot be opened" in outcome.err


@pytest.fixture
def hearing() -> Iterator[None]:
    """A process started in here hears Ctrl-C, even where the tests themselves were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
@pytest.mark.usefixtures("hearing")
def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="a build draws charts: pip install '.[site]'")
    store(tmp_path / "board", "m", {"x": [0.5]})
    command = [sys.executable, "-m", "bench", "site", "serve", "--port", "0", "--board", str(tmp_path / "board")]
    command += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in said) == (0, False)
    assert "ended" in said
