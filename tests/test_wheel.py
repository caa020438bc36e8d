"""The built wheel, installed into an environment of its own, does from any folder what the checkout does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import bench

CHECKOUT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that holds the wheel alone; its dependencies are those of this one."""
    root = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    python = root / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    (site,) = root.glob("lib/python*/site-packages")
    # Paths alone: a .pth file inside that folder, such as that of an editable install, is not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def called(installed: Path, folder: Path, program: str, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BENCH_", "PYTHON", "VIRTUAL_ENV"))}
    command = [str(installed / program), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def test_the_wheel_holds_package_cards_and_collection_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {
        f"bench/shipped/{path.relative_to(CHECKOUT).as_posix()}"
        for kind in ("tasks", "models")
        for path in (CHECKOUT / kind).rglob("*")
        if path.is_file()
    }
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "bench").rglob("*.py")}
    pages = {
        path.relative_to(CHECKOUT).as_posix()
        for folder in ("static", "templates")
        for path in (CHECKOUT / "bench" / "site" / folder).rglob("*")
        if path.is_file()
    }
    own = tracked | modules | pages | {"bench/py.typed"}
    assert own <= names
    assert {name for name in names - own if ".dist-info/" not in name} == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_an_installed_wheel_gives_the_same_numbers_from_any_folder(installed: Path, tmp_path: Path) -> None:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    where = called(installed, empty, "python", "-c", "import bench.places as p; print(p.shipped('tasks'))").strip()
    assert Path(where).is_relative_to(installed.parent)
    assert where.endswith("site-packages/bench/shipped/tasks")
    assert called(installed, empty, "bench", "--version").strip() == f"bench, version {bench.__version__}"
    listed = called(installed, empty, "bench", "tasks", "list")
    for name in sorted(path.stem for path in (CHECKOUT / "tasks").glob("*.yaml")):
        assert name in listed
    run = ("run", "--model", "bm25", "--task", "mini", "--lang", "en", "--json", "--no-board", "--offline", "--cache")
    (theirs,) = json.loads(called(installed, empty, "bench", *run, str(tmp_path / "cache")))
    ours = bench.run("bm25", "mini", ["en"], cache=tmp_path / "own", offline=True)
    assert theirs["pins"] == "match"
    for key in ("languages", "mean", "identity", "k", "measures", "complete", "missing"):
        assert theirs[key] == json.loads(json.dumps(ours[key]))
    assert not list(empty.iterdir())
