"""`bench tasks fetch`: what is shown while bytes come."""

from __future__ import annotations

import sys
from typing import Any

import pytest


def test_what_is_shown_while_bytes_come(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from bench.cli import transfers

    monkeypatch.setattr(transfers, "_EVERY_S", 0.0)
    for quiet in (False, True):
        watch = transfers.ShownTransfers(quiet=quiet)
        watch.begin("docs.gz", 1_000_000, 4_000_000)
        watch.received(500_000)
        watch.begin("other", 0, None)
        watch.received(250_000)
        watch.say("starting again")
        watch.close()
        shown = "" if quiet else "docs.gz: 1.5 of 4.0 MB\nother: 0.2 MB\n"
        assert capsys.readouterr() == ("", f"{shown}warning: starting again\n")


def test_a_terminal_gets_a_bar_and_keeps_nothing_of_it(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from bench.cli import transfers

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    watch = transfers.ShownTransfers(quiet=False)
    watch.begin("docs.gz", 1_000_000, 4_000_000)
    watch.received(1_000_000)
    watch._bar.refresh()
    watch.close()
    out, err = capsys.readouterr()
    assert (out, "docs.gz" in err, "2.0/4.0 MB" in err) == ("", True, True)
