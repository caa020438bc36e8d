"""Toy encoders that say which process encoded what, and misbehave in workers of Ray."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from toy import Toy

from bench.errors import MissingError


def in_worker() -> bool:
    return "default_worker" in sys.argv[0]


class Hand(Toy):
    """Writes its process' id before each batch; `fate` of a worker that encodes documents is to die or to return NaN."""

    fingerprint = "hand 1"

    def __init__(self, log: Path, pause: float = 0.0, fate: str = "") -> None:
        super().__init__(log, pause)
        self.fate = fate

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        assert self.log
        with self.log.with_suffix(".pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        vectors = super()._encode(side, texts)
        if self.fate == "death" and in_worker():
            os._exit(9)
        return vectors * np.float32(np.nan) if self.fate == "nan" else vectors


class Dicing(Hand):
    """Adds noise to its vectors, as a model with sampling in it does."""

    fingerprint = "dicing 1"

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = super()._encode(side, texts)
        return vectors + np.random.random(vectors.shape).astype(np.float32)


class Elsewhere(Hand):
    """A model whose weights are here, and on no other machine."""

    def __init__(self) -> None:
        if in_worker():
            raise MissingError("weights.bin: no such file of weights")
        super().__init__(Path("elsewhere.log"))


class Here(Hand):
    """A model by name."""

    def __init__(self) -> None:
        super().__init__(Path("here.log"))


def pids(log: Path) -> list[int]:
    """The processes that encoded a batch, in their order."""
    path = log.with_suffix(".pids")
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
