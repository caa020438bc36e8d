"""The first pass of search through torch: the same bits as on the processor, and no rounding of factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searching import Names, case, close_calls, oracle, readable, shuffled_names

import bench.adapters.device_search as device
from bench.adapters.device_search import products_on
from bench.encoding import encode_window
from bench.errors import InputError, StoppedError
from bench.registry import Registry
from bench.search import search
from bench.system import Options, resolve


@pytest.mark.parametrize("k", [1, 50])
@pytest.mark.parametrize("kind", ["random", "integer"])
def test_equals_brute_force(kind: str, k: int) -> None:
    queries, vectors, names, _ = case(kind)
    found = search(queries, [vectors], Names(names), k, memory=1 << 18, tiles=products_on("cpu"))
    assert readable(found, names) == oracle(queries, vectors, names, k)


@pytest.mark.parametrize("kind", ["ascending", "one vector", "ties at the cut", "many"])
def test_equals_the_processor_to_the_bit(kind: str) -> None:
    rng = np.random.default_rng(2)
    vectors = {
        "ascending": np.arange(30_000)[:, None] * np.ones(4),
        "one vector": np.ones((9_000, 4)),
        "ties at the cut": rng.integers(0, 2, (20_000, 4)),
        "many": rng.standard_normal((30_000, 8)),
    }[kind].astype(np.float32)
    queries = rng.standard_normal((21, vectors.shape[1])).astype(np.float32)
    names = Names(shuffled_names(len(vectors)))
    mine = search(queries, [vectors], names, 30)
    there = search(queries, [vectors], names, 30, tiles=products_on("cpu"))
    for a, b in zip(mine, there, strict=True):
        assert (a.rows.tobytes(), a.scores.tobytes()) == (b.rows.tobytes(), b.scores.tobytes())


def test_scores_closer_than_float32_can_tell() -> None:
    queries, vectors = close_calls(1.0)
    names = shuffled_names(len(vectors))
    found = search(queries, [vectors], Names(names), 20, tiles=products_on("cpu"))
    assert readable(found, names) == oracle(queries, vectors, names, 20)


@pytest.mark.parametrize("bits", [10, 7])
def test_a_device_that_rounds_factors_is_refused(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 keeps 10 bits of a fraction, bfloat16 7."""
    sent = device._sent

    def rounded(array: np.ndarray, name: str) -> Any:
        mask = np.uint32(0xFFFFFFFF << (23 - bits) & 0xFFFFFFFF)
        return sent((array.astype(np.float32).view(np.uint32) & mask).view(np.float32), name)

    monkeypatch.setattr(device, "_sent", rounded)
    with pytest.raises(StoppedError, match="--device cpu: its float32 products are rounded to fewer bits"):
        products_on("cpu")


def test_tf32_is_off_whatever_was_set() -> None:
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with device._whole_float32():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_device_that_is_not_there() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(InputError, match="--device cuda: torch has no such device here"):
        products_on("cuda")


def test_a_model_on_a_device_that_is_not_there(tmp_path: Path) -> None:
    import tiny
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    tiny.save_model(tmp_path, tiny.word_tokenizer())
    (encoder,) = resolve(f"path:{tmp_path}", Registry(), Options(device="cuda", offline=True)).encoders
    with pytest.raises(InputError, match=r"^--device cuda: torch has no such device here: "):
        encode_window(encoder, ["river"], "document", "en")
