"""The weights of a system as a bundle holds them: copied, or named where they are an installed package."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import InputError
from bench.licences import Licensed, spdx
from bench.model import Model
from bench.system import System
from bench.weights import UNUSED, Located, version


class Packed(NamedTuple):
    """One folder of weights: what the manifest says of it, its licence, and (file, name in the bundle) to copy.

    `folder` is its name in the bundle where it is the user's own, `source` where it lies now; `given` says that it came
    with `--weights`. `needs` is what has to be installed instead of copied.
    """

    described: dict[str, Any]
    licensed: Licensed
    copies: Sequence[tuple[Path, str]] = ()
    folder: str | None = None
    source: Path = Path()
    given: bool = False
    needs: str | None = None


def packed_weights(system: System, given: Sequence[Path] = ()) -> list[Packed]:
    """The weights of a system, in its order; `given` are the folders of `--weights`.

    InputError where two different folders bear one name.
    """
    found = [_packed(system, weights, weights.folder in given) for weights in dict.fromkeys(system.weights)]
    own = [part.folder for part in found if part.folder]
    twice = next((name for name in own if own.count(name) > 1), None)
    if twice:
        raise InputError(f"{system.name}: two folders of weights would both be {twice}: rename one")
    return found


def _packed(system: System, weights: Located, given: bool) -> Packed:
    card = _card(system, weights, given)
    if weights.revision:
        described = {"hub": weights.name, "revision": weights.revision}
        licensed = _licensed(card, weights, f"https://huggingface.co/{weights.name}, revision {weights.revision}")
        return Packed(described, licensed, tuple(_snapshot(weights)))
    if card and card.weights and card.weights.package == weights.name and not given:
        distribution = _distribution(weights.name)
        installed = {"package": distribution, "version": version(distribution), "sha256": weights.digest}
        needs = f"{distribution} {version(distribution)}"
        return Packed(installed, _licensed(card, weights, f"the package {distribution}"), needs=needs)
    folder = f"weights/{weights.name}"
    files = ((path, f"{folder}/{path.relative_to(weights.folder)}") for path in _files(weights.folder))
    licensed = _licensed(card, weights, "a folder of whoever packed this")
    return Packed({"folder": folder, "sha256": weights.digest}, licensed, tuple(files), folder, weights.folder, given)


def _card(system: System, weights: Located, given: bool) -> Model | None:
    """The model card that weights belong to; the folders of `--weights` are those of the one card that takes them."""
    named = (c for c in system.cards if c.weights and weights.name in (c.weights.hub, c.weights.package))
    others = (c for c in system.cards if c.kind not in ("bm25", "embedded", "remote"))
    return next(others, None) if given else next(named, None)


def _licensed(card: Model | None, weights: Located, origin: str) -> Licensed:
    licence = card.licence if card else _stated_licence(weights.folder)
    return Licensed(f"the weights of {card.name if card else weights.name}", licence, origin)


def _stated_licence(folder: Path) -> str:
    """The licence that the README of a model states in its head, as the hub wants it; `unknown` where it does not."""
    import yaml

    path = folder / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    parts = text.split("---\n", 2)
    try:
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError:
        return "unknown"
    stated = head.get("license") if isinstance(head, dict) else None
    return spdx(stated) if isinstance(stated, str) and stated != "other" else "unknown"


def _snapshot(weights: Located) -> Iterator[tuple[Path, str]]:
    """A commit in the Hugging Face cache, in its layout, with the names (refs) that lead to it."""
    top = f"weights/hub/models--{weights.name.replace('/', '--')}"
    for path in _files(weights.folder):
        name = str(path.relative_to(weights.folder))
        if not any(fnmatch(name, pattern) for pattern in UNUSED):
            yield path, f"{top}/snapshots/{weights.revision}/{name}"
    refs = weights.folder.parents[1] / "refs"
    for path in _files(refs) if refs.is_dir() else ():
        if path.read_text(encoding="utf-8", errors="replace").strip() == weights.revision:
            yield path, f"{top}/refs/{path.relative_to(refs)}"


def _files(folder: Path) -> list[Path]:
    """All files of a folder but hidden ones and bytecode."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [p for p in paths if not any(part.startswith((".", "__pycache__")) for part in p.relative_to(folder).parts)]


def _distribution(package: str) -> str:
    """The distribution that installs a package."""
    return next(iter(importlib.metadata.packages_distributions().get(package, [package])))
