"""What several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cliruns import run  # noqa: F401  # A fixture: bench run with folders of its own.
from mishaps import bench, kept, own_models  # noqa: F401  # Fixtures: runs with something wrong.
from sitetab import browser, site, site_board, tab  # noqa: F401  # Fixtures: a real browser, opened once.

CHECKOUT = Path(__file__).parents[1]

if os.environ.get("PYTEST_XDIST_WORKER"):  # As many processes as cores already: more threads would only wait.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real benchmark files: BENCH_TEST_DATA, else `shared/data` beside the checkout."""
    folder = Path(os.environ.get("BENCH_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}: set BENCH_TEST_DATA to the folder that holds trec_eval/, miracl/ ..")
    return folder
