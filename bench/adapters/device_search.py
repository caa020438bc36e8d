"""The first pass of exact search on a device: the products of `bench.search.scan` through torch.

Blocks come from disk ahead of the arithmetic, go to the device whole, and only the documents that reach their query's
bar come back; they are scored again on the processor by the code that always does, so results are the same to the bit.
The proof in `scan` holds for any order of a float32 sum, fused or not, and for numbers below 2^-126 taken for zero. It
does not hold where a device rounds the factors first (TF32, sums of bfloat16 products): that is switched off, and a
device that does it all the same is refused after a product of which the exact value is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters.accelerators import refuse_absent
from bench.engine import Local
from bench.errors import StoppedError
from bench.idtable import Ids
from bench.retriever import Progress, Vectors
from bench.search import Found, search
from bench.search.blocks import Block
from bench.search.scan import TILE, Candidates, Tiles, error_bound
from bench.store import Shard

_CELLS = 1 << 23
"""Scores of a product on the device: 32 MiB; its candidates take at most five times as much while they are found."""


class OnDevice(Local):
    """The local engine with the products of a search on a device such as `cuda`."""

    def __init__(self, device: str) -> None:
        self._device = device

    def search(
        self, queries: Vectors, shards: Sequence[Shard], ids: Ids, k: int, memory: int, progress: Progress
    ) -> list[Found]:
        paths = [shard.path for shard in shards]
        return search(queries, paths, ids, k, memory=memory, progress=progress, tiles=products_on(self._device))


def products_on(device: str) -> Callable[[Vectors], Tiles]:
    """What multiplies on a torch device.

    InputError where there is none of that name, StoppedError where its float32 is none.
    """
    refuse_absent(device)
    _refuse_rounding(device)
    return partial(DeviceTiles, device=device)


class DeviceTiles(Tiles):
    """The float32 scores of some queries and a block on a device, of which only the candidates are fetched."""

    def __init__(self, queries: Vectors, device: str) -> None:
        super().__init__(queries)
        self._device = device
        self._there = _sent(queries, device)

    def products(self, some: slice, documents: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `Tiles` has it, fetched whole: the first documents alone, which give the first bar."""
        import torch

        with _whole_float32(), torch.inference_mode():
            scores: NDArray[np.float32] = (self._there[some] @ _sent(documents, self._device).T).cpu().numpy()
        return scores

    def reaching(self, block: Block, bar: Callable[[], NDArray[np.float32]]) -> Iterator[Candidates]:
        """As `Tiles` has it; products are wider, and narrow while there is no bar yet that would keep anything out."""
        import torch

        start, limits = 0, bar()
        documents = _sent(block.vectors, self._device)
        while start < len(documents):
            open_ones = bool(np.isneginf(limits).any())
            width = TILE if open_ones else max(TILE, _CELLS // len(self._there) // TILE * TILE)
            with _whole_float32(), torch.inference_mode():
                scores = self._there @ documents[start : start + width].T
                level = _sent(np.maximum(limits, np.finfo(np.float32).min), self._device)
                queries, columns = (scores >= level[:, None]).nonzero(as_tuple=True)
                found = scores[queries, columns]
                hits = queries.cpu().numpy(), columns.cpu().numpy(), found.cpu().numpy()
            for first in range(0, width, TILE):
                inside = slice(None) if width == TILE else (hits[1] >= first) & (hits[1] < first + TILE)
                limits = bar()
                part = tuple(array[inside] for array in hits)
                above = part[2] >= limits[part[0]]
                yield part[0][above], block.first + start + part[1][above], part[2][above]
            start, limits = start + width, bar()


def _sent(array: NDArray[np.float32], device: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Inside, torch multiplies float32 as it is: no TF32 and no bfloat16, whatever was set before."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _refuse_rounding(device: str) -> None:
    """StoppedError where products of float32 lose more than `error_bound` allows.

    Each document has one value that is not zero, with all 24 bits of a float32 in use: a sum loses nothing, and factors
    that were rounded to fewer bits show at once.
    """
    import torch

    dim = 64
    values = np.random.default_rng(1).uniform(1, 2, dim).astype(np.float32)
    documents, queries = np.diag(values), np.stack([values, values[::-1]])
    with _whole_float32(), torch.inference_mode():
        found = (_sent(queries, device) @ _sent(documents, device).T).cpu().numpy().astype(np.float64)
    exact = queries.astype(np.float64) @ documents.astype(np.float64).T
    norms = np.sqrt(np.square(queries, dtype=np.float64).sum(axis=1))
    # One product alone: the bound of a sum of one term, for the value that the row has.
    allowed = np.abs(queries) * values * 2.0**-23
    if not (np.abs(found - exact) <= np.minimum(allowed, error_bound(dim, norms, 2.0)[:, None])).all():
        raise StoppedError(
            f"--device {device}: its float32 products are rounded to fewer bits than exact search can reckon with; "
            "search on the processor: --device cpu"
        )
