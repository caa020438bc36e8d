"""Lines that GitHub Actions obeys in a log: annotations, and how to keep other lines from being obeyed.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from typing import Literal

from bench.formats.escapes import github_value
from bench.formats.escapes import log_line as disarmed

__all__ = ["annotation", "disarmed"]


def annotation(level: Literal["error", "warning", "notice"], title: str, message: str) -> str:
    """One line that shows a message at the run."""
    return f"::{level} title={github_value(title, of_property=True)}::{github_value(message, of_property=False)}"
