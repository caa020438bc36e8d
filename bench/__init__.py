"""Measure retrievers in each language, with numbers that can be checked.

    import bench
    result = bench.run(model="bm25", task="mini", languages=["sw"])
    scores = bench.evaluate(run, qrels, ["nDCG@10"])

Both are imported when they are first used: `import bench` loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "run"]

if TYPE_CHECKING:
    from bench.api import evaluate, run


def __getattr__(name: str) -> Any:
    if name in ("run", "evaluate"):
        from bench import api

        return getattr(api, name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
