"""docs/performance.md is what `benchmarks/book.py` draws from the committed results, and the model of cost its formulas."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[1]
BENCHMARKS = CHECKOUT / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("record", "rows", "cost", "xquad"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARKS / f"{name}.py"))


@pytest.mark.usefixtures("scripts")
def test_the_page_is_drawn_from_the_results() -> None:
    page = "\n".join(script("book")["page"]()) + "\n"
    assert page == (CHECKOUT / "docs" / "performance.md").read_text(encoding="utf-8"), "python benchmarks/book.py"


@pytest.mark.usefixtures("scripts")
def test_a_line_and_what_it_says_of_a_size_it_has_not_seen() -> None:
    growth = script("growth")
    rows = [{"size": n, "s": 2 + 0.5 * n} for n in (10, 100, 1000)]
    found = growth["fitted"](rows, "s")
    assert found["intercept"] == pytest.approx(2)
    assert found["slope"] == pytest.approx(0.5)
    assert found["largest_error"] == pytest.approx(0, abs=1e-9)
    rows[-1]["s"] *= 2  # The line through the others says half of it.
    assert growth["fitted"](rows, "s")["error_at_the_largest_unseen"] == pytest.approx(-0.5)
    assert growth["line"]([1, 2], [2.0, 1.0])[1] == 0  # Nothing costs less for being more.


@pytest.mark.usefixtures("scripts")
def test_the_model_gives_back_the_constants_it_was_made_of() -> None:
    cost = script("cost")
    c, e, r, q = 0.25, 1e-3, 2e-7, 3e-9

    def line(queries: int) -> dict[str, float]:
        return {"intercept": c + e * queries, "slope": r + q * queries}

    search = {"lines": {"seconds": line(100), "ten_times": line(1000)}, "queries": 100, "dim": 128}
    encode = {"lines": {"seconds": {"intercept": 1.5, "slope": 0.01}}}
    model = cost["Model"].of(encode, search)
    assert (model.c, model.e, model.r, model.q) == pytest.approx((c, e, r, q))
    assert model.encoding(1e8) == pytest.approx(1.5 + 1e6)
    assert model.searching(1e9, 1000, 256) == pytest.approx(c + 1 + 1e9 * (r + 3e-6) * 2)
    assert cost["disk_bytes"](1e9, 128) == 512e9
