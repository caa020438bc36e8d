"""How often tests and intervals are wrong where two systems are equal, by simulation of a parallel task.

    python benchmarks/false_alarms.py [--runs 2000] [--queries 240] [--languages 12] [--latent .58] [--json]

Both systems draw the ranks of one relevant document from the same distribution, so any difference is chance; the scores
of a question, and so the differences, correlate .5 across languages. Asked for is 5 %: of rejections by the paired test
(one language; the macro mean; any language after Holm's correction), and of 95 % intervals that miss. Beside them what
the macro mean would give if the languages were taken for independent, as they are not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that it runs from a checkout that is not installed.

from bench.significance.bootstrap import intervals
from bench.significance.holm import holm
from bench.significance.panel import Design, Panel, Sheet, panel
from bench.significance.randomisation import paired_test

LEVEL = 0.05
DRAWS = 1000


def scores(rng: np.random.Generator, queries: int, languages: int, correlation: float) -> NDArray[np.float64]:
    """(languages, systems, queries) of nDCG@10 with one relevant document, equal in distribution for both systems."""
    question = rng.normal(size=(1, 2, queries))
    own = rng.normal(size=(languages, 2, queries))
    depth = np.exp(1.5 * (np.sqrt(correlation) * question + np.sqrt(1 - correlation) * own))
    return np.where(depth < 10, 1 / np.log2(np.floor(depth) + 2), 0.0)


def as_panel(values: NDArray[np.float64], parallel: bool) -> Panel:
    queries = tuple(f"q{i:05}" for i in range(values.shape[2]))
    sheets = {f"l{i:02}": Sheet(queries, language) for i, language in enumerate(values)}
    return panel(("A", "B"), sheets, Design(parallel))


def difference(table: Panel) -> Panel:
    sheets = {language.code: Sheet(language.queries, np.diff(language.scores, axis=0)) for language in table.languages}
    return panel(("B - A",), sheets, Design(table.shared))


def simulate(runs: int, queries: int, languages: int, correlation: float, seed: int = 1) -> dict[str, float]:
    """The share of runs, or of runs and languages, in which each procedure is wrong."""
    rng = np.random.default_rng(seed)
    wrong: dict[str, list[float]] = {}
    correlations = []
    for run in range(runs):
        values = scores(rng, queries, languages, correlation)
        change = np.diff(values, axis=1)[:, 0]
        correlations.append((np.corrcoef(change).sum() - languages) / (languages * (languages - 1)))
        for parallel, kind in ((True, "questions together"), (False, "languages apart")):
            table = as_panel(values, parallel)
            test = paired_test(table, 0, 1, flips=DRAWS, seed=run)
            ends = intervals(difference(table), DRAWS, seed=run)
            missed = (ends.macro.low > 0) | (ends.macro.high < 0)
            wrong.setdefault(f"macro mean, test, {kind}", []).append(test.macro <= LEVEL)
            wrong.setdefault(f"macro mean, interval, {kind}", []).append(float(missed[0]))
            if parallel:
                outside = (ends.languages.low > 0) | (ends.languages.high < 0)
                wrong.setdefault("one language, test", []).append(float(np.mean(test.languages <= LEVEL)))
                wrong.setdefault("one language, interval", []).append(float(outside.mean()))
                wrong.setdefault("any language, Holm", []).append(float(holm(test.languages).min() <= LEVEL))
    rates = {name: round(float(np.mean(found)), 4) for name, found in wrong.items()}
    return rates | {"correlation of the differences": round(float(np.mean(correlations)), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=240)
    parser.add_argument("--languages", type=int, default=12)
    parser.add_argument("--latent", type=float, default=0.58, help="correlation before scores are cut to ranks")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rates = simulate(given.runs, given.queries, given.languages, given.latent)
    if given.json:
        print(json.dumps(rates))
        return
    for name, rate in rates.items():
        print(f"{name:40} {rate:.4f}")


if __name__ == "__main__":
    main()
