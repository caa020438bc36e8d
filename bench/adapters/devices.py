"""One model on several devices: each has a copy of it, and a batch goes to whichever is free.

What a batch is does not depend on who encodes it, so on devices of one kind the vectors are those of a single one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from bench.adapters.tokenised import Row, TokenisedTexts
from bench.encoding import BatchLimits, Side, TextEncoder, TokenCount
from bench.errors import InputError
from bench.forms import Form, form_of

KINDS = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "xla")
"""The kinds of devices that torch computes on."""


def devices_of(text: str | None) -> list[str | None]:
    """The devices of `--device`: several with commas between. InputError where they are of several kinds, or of none.

    Whether they are here is looked at where something is put on them (`bench.adapters.accelerators`).
    """
    if text is None:
        return [None]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        found = re.fullmatch(r"([a-z]+)(:[0-9]+)?", name)
        if found is None or found[1] not in KINDS:
            raise InputError(f"--device {text}: no device {name!r}: expected {', '.join(KINDS)}, or such as cuda:0")
    if len({name.partition(":")[0] for name in names}) > 1:
        raise InputError(
            f"--device {text}: expected one device, or several of one kind such as cuda:0,cuda:1: vectors differ in "
            "their last bits between kinds"
        )
    return list(names)


class Devices:
    """The same encoder several times, each on a device of its own; the first answers for all in what is no batch."""

    def __init__(self, encoders: Sequence[Any]) -> None:
        self._first, self.lanes = encoders[0], len(encoders)
        self._free: SimpleQueue[Any] = SimpleQueue()
        for encoder in encoders:
            self._free.put(encoder)

    @property
    def form(self) -> Form:
        """Of the vectors."""
        return form_of(self._first)

    @property
    def uses_language(self) -> bool:
        return bool(self._first.uses_language)

    @property
    def limits(self) -> BatchLimits:
        limits: BatchLimits = self._first.limits
        return limits

    @property
    def dimension(self) -> int | None:
        """The length of a vector, where it is known beforehand."""
        found: int | None = getattr(self._first, "dimension", None)
        return found

    @property
    def mean_of_queries(self) -> bool:
        """Whether MaxSim is divided by the number of a query's vectors."""
        return bool(getattr(self._first, "mean_of_queries", False))

    def recipe(self, side: Side) -> dict[str, Any]:
        """The same as that of one device."""
        recipe: dict[str, Any] = self._first.recipe(side)
        return recipe

    def reference(self) -> TextEncoder | None:
        """What one device has for it."""
        found: TextEncoder | None = getattr(self._first, "reference", lambda: None)()
        return found

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        """One batch, on the device that is free first."""
        with self._one() as encoder:
            return encoder.encode(texts, side, language)

    def prepare(self, texts: Sequence[str], side: Side) -> TokenisedTexts | None:
        """Tokenised once, for all devices."""
        prepared = self._first.prepare(texts, side) if hasattr(self._first, "prepare") else None

        def encode(batch: list[str], rows: list[Row]) -> Any:
            with self._one() as encoder:
                return encoder.encode_tokens(batch, rows, side)

        return replace(prepared, encode_batch=encode) if prepared else None

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        count: TokenCount | None = self._first.count_tokens(texts, side)
        return count

    def rendered(self, text: str, side: Side) -> str:
        return str(self._first.rendered(text, side))

    def environment(self) -> dict[str, Any]:
        """That of the first, and how many there are."""
        return {**self._first.environment(), "devices": self.lanes}

    @contextmanager
    def _one(self) -> Iterator[Any]:
        encoder = self._free.get()
        try:
            yield encoder
        finally:
            self._free.put(encoder)
