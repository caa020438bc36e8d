"""A partial file: what has come so far of a download, in `NAME.part`, and in `NAME.part.json` whose it is."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError, MissingError
from bench.files import dump_json, read_json, write_whole, writing


@dataclass(frozen=True)
class Part:
    """What has come so far of a file, and the notes that say whose it is."""

    target: Path

    @property
    def path(self) -> Path:
        """Where the bytes lie."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def _notes(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.json")

    @property
    def size(self) -> int:
        """The bytes that have come."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def notes(self) -> dict[str, Any]:
        """Address, ETag, date and size; nothing where they are absent or damaged."""
        with suppress(InputError, MissingError):
            value = read_json(self._notes)
            return value if isinstance(value, dict) else {}
        return {}

    def note(self, notes: dict[str, Any]) -> None:
        """Write down whose the bytes are, before the first of them."""
        write_whole(self._notes, dump_json(notes).encode())

    def discard(self) -> None:
        """Forget all of it."""
        for path in (self.path, self._notes):
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the whole file its name."""
        with writing(self.target):
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)
        self._notes.unlink(missing_ok=True)
