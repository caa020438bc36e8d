"""Names of files for names from outside, and addresses that may be linked: nothing given leaves the folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bench.entry import task_folder

_SAFE = re.compile(r"[a-z0-9][a-z0-9_]*([.@-][a-z0-9_]+)*")
_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])([.].*)?")
_LONGEST = 80


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A name of a file, without suffix, for each name: its slug, with a digest where that is not safe or not its alone.

    The order of the names does not matter. A name that is its own slug keeps it.
    """
    wanted = {name: task_folder(name) for name in sorted(set(names))}
    claims: dict[str, list[str]] = {}
    for name, stem in wanted.items():
        claims.setdefault(stem, []).append(name)
    found: dict[str, str] = {}
    for stem, claimed in claims.items():
        owner = stem if stem in claimed else claimed[0] if len(claimed) == 1 else None
        for name in claimed:
            found[name] = stem if name == owner and is_safe(stem) else _digested(stem, name)
    return found


def is_safe(stem: str) -> bool:
    """Whether a text is a file name everywhere, and no name that carries a digest."""
    if len(stem) > _LONGEST or _WINDOWS.fullmatch(stem):
        return False
    return bool(_SAFE.fullmatch(stem))


def _digested(stem: str, name: str) -> str:
    """A slug with two dashes before 8 hex digits; no safe slug has two dashes."""
    plain = re.sub(r"[^a-z0-9_]+", "-", stem)[:60].strip("-") or "x"
    return f"{plain}--{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def web_address(text: object) -> str | None:
    """The address if it is one of the web, http or https with a host, without user, blanks and controls; else None."""
    if not isinstance(text, str) or not re.fullmatch(r"https?://[!-~]+", text) or re.search(r"[\"'<>\\`]", text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.hostname and "@" not in parts.netloc else None
