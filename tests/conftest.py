"""What several test modules share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cliruns import run  # noqa: F401  # A fixture: bench run with folders of its own.
from mishaps import bench, kept, own_models  # noqa: F401  # Fixtures: runs with something wrong.
from sitetab import browser, site, site_board, tab  # noqa: F401  # Fixtures: a real browser, opened once.
from stub_server import server  # noqa: F401  # A fixture: a web server that can be told to misbehave.

if TYPE_CHECKING:
    from conforming import Place
    from stub import Stub
    from stub_server import Server

CHECKOUT = Path(__file__).parents[1]

if os.environ.get("PYTEST_XDIST_WORKER"):  # As many processes as cores already: more threads would only wait.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# Modules that assert: their failures say as much as those of a test.
pytest.register_assert_rewrite("agreement", "badmodels", "bundling", "downloads", "published", "verifying")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real benchmark files: BENCH_TEST_DATA, else `shared/data` beside the checkout."""
    folder = Path(os.environ.get("BENCH_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}: set BENCH_TEST_DATA to the folder that holds trec_eval/, miracl/ ..")
    return folder


# What follows imports numpy, which reads OMP_NUM_THREADS once: only when it is asked for.


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and an ir_datasets home without files."""
    from originals import block_network

    block_network(monkeypatch)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "irds"))


@pytest.fixture
def stub() -> Iterator[Stub]:
    """An endpoint on this machine that answers as it is told to."""
    from stub import Stub

    running = Stub()
    yield running
    running.close()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where the suite of all adapters builds its systems: models, cards and an endpoint."""
    import conforming
    from stub import Stub

    root, stub = tmp_path_factory.mktemp("conformance"), Stub()
    conforming.prepare(root)
    conforming.write_cards(root, stub)
    conforming.serve(stub)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield conforming.Place(root, stub)
    stub.close()


@pytest.fixture(scope="session")
def clean_board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a board of two entries and a release, and the results they came from."""
    from verifying import make_board

    return make_board(tmp_path_factory.mktemp("made"))


@pytest.fixture
def board(clean_board: Path, tmp_path: Path) -> Path:
    """The board, copied with its results."""
    shutil.copytree(clean_board / "results", tmp_path / "results")
    return shutil.copytree(clean_board / "board", tmp_path / "board")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of weights with nothing wrong."""
    from badmodels import save_whole

    return save_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folders(whole: Path, tmp_path: Path) -> Path:
    """The folders of weights, to be damaged."""
    return shutil.copytree(whole, tmp_path / "weights")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, server: Server) -> dict[str, str]:  # noqa: F811  # The fixture.
    """Published addresses lead to the server here; what was asked for, by address."""
    from published import redirect

    return redirect(monkeypatch, server)
