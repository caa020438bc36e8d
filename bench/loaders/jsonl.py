"""JSON lines: one object a line, with errors that name file, line and key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import MissingError
from bench.loaders.text import open_text


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of every line that is not blank. MissingError names the line that holds none."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise MissingError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(value, dict):
                raise MissingError(f"{path}:{number}: expected a JSON object, found {type(value).__name__}")
            yield number, value


def field(value: dict[str, Any], key: str, path: Path, number: int, default: str | None = None) -> str:
    """The text under `key`; numbers are cast to text. MissingError where it is absent or another thing."""
    found = value.get(key, default)
    if isinstance(found, str):
        return encodable(found, key, path, number)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise MissingError(f"{path}:{number}: expected a text under {key!r}, found {json.dumps(found)[:40]}")


def encodable(text: str, key: str, path: Path, number: int) -> str:
    """The text; MissingError for half of a surrogate pair, which JSON can write and no tokenizer and no file takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MissingError(f"{path}:{number}: {key!r} holds a lone surrogate, which is no character") from error
    return text
