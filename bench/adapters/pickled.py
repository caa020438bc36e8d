"""Pickled weights: to read a pickle is to run whatever code it holds, so they are refused unless they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.adapters.complete import parts
from bench.errors import InputError
from bench.weights import Located

_PLAIN = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "adapter_model.bin")


def pickles(weights: Located) -> Iterator[str]:
    """The pickled files of a folder that its model would be read from: those without safetensors beside them."""
    for place in sorted({part.path for part in parts(weights)} or {""}):
        folder = weights.folder / place
        routed = [path for path in folder.rglob("*") if path.is_dir()] if place else []
        for path in (folder, *sorted(routed)):  # Modules may hold others, as a router does.
            if not any((path / name).is_file() for name in _PLAIN):
                found = [path / name for name in _PICKLED if (path / name).is_file()]
                yield from (str(file.relative_to(weights.folder)) for file in found[:1])


def refuse_pickled(weights: Located, *, allowed: bool, heads: Sequence[str] = ()) -> None:
    """InputError for a folder with pickled weights that nobody has allowed; `heads` are further files to be read."""
    pickled = () if allowed else (*pickles(weights), *heads)
    if pickled:
        raise InputError(
            f"{weights.name}: {', '.join(pickled)}: pickled weights can run code when they are read: convert them to "
            "safetensors, or allow them with --allow-pickle if you trust who made them"
        )
