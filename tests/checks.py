"""`bench check` between two boards that lie side by side, and scores for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call

GOOD = [1.0] * 100
WORSE = [1.0] * 90 + [0.5] * 10  # .05 less; p = 2 ** -10


def forget_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine of one's own, also where these tests are run by GitHub."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def run(capsys: pytest.CaptureFixture[str], board: Path, *options: Any) -> Outcome:
    return call(capsys, "check", "--baseline", board / "before", "--candidate", board / "after", *options)


def found(outcome: Outcome) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(outcome.out)
    return value
