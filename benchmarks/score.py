"""Scoring a run beside pytrec_eval alone, which does the arithmetic of it: what order, checks and means cost.

    python benchmarks/score.py [--queries 2000] [--depth 1000] [--rounds 5]

The run, the judgments and the measures are the same; the results are compared. pytrec_eval gets its dictionaries ready
made (`alone`), and made within the clock from the same rankings (`with dictionaries`), since a run is not born as one.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np
from record import alternated, keep

from bench.measure import Measure
from bench.ranking import Ranking, Run
from bench.scores import Scores, evaluate

MEASURES = ("nDCG@10", "R@100", "MRR@10", "AP")
THEIRS = {"nDCG@10": "ndcg_cut_10", "R@100": "recall_100", "AP": "map"}


def generated(queries: int, depth: int) -> tuple[Run, dict[str, dict[str, int]]]:
    rng = np.random.default_rng(3)
    scores = np.arange(depth, 0, -1, dtype=np.float32)  # No ties: their order would have to be made.
    run, qrels = {}, {}
    for number in range(queries):
        docs = [f"d{row}" for row in rng.choice(10 * depth, depth, replace=False).tolist()]
        run[f"q{number}"] = Ranking(docs, scores)
        judged = [*rng.choice(docs, 5, replace=False).tolist(), *(f"x{i}" for i in range(5))]
        qrels[f"q{number}"] = dict(zip(judged, rng.integers(0, 3, len(judged)).tolist(), strict=True))
    return run, qrels


def dictionaries(run: Run) -> dict[str, dict[str, float]]:
    return {q: dict(zip(ranking.docs, map(float, ranking.scores), strict=True)) for q, ranking in run.items()}


def main() -> None:
    import pytrec_eval

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    run, qrels = generated(args.queries, args.depth)
    ready = dictionaries(run)
    measures = [Measure.parse(name) for name in MEASURES]
    kept: dict[str, Any] = {}

    def ours() -> None:
        kept["ours"] = evaluate(run, qrels, measures)

    def alone(made: dict[str, dict[str, float]] | None = ready) -> None:
        # The reciprocal rank at 10 has no name of its own there: recip_rank costs the same.
        evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "map", "recip_rank"})
        kept["theirs"] = evaluator.evaluate(made or dictionaries(run))

    took = alternated(
        {"bench": ours, "pytrec_eval, with dictionaries": lambda: alone(None), "pytrec_eval, alone": alone}, args.rounds
    )
    refuse_differences(kept["ours"], kept["theirs"])
    base = statistics.median(one.wall for one in took["bench"])
    rows = [
        {"what": name, "seconds": statistics.median(one.wall for one in each)} | {"ratio": None}
        for name, each in took.items()
    ]
    for row in rows:
        row["ratio"] = row["seconds"] / base
        print("{what:34} {seconds:7.3f} s, {ratio:.2f} of bench".format(**row))
    keep("score", rows, queries=args.queries, depth=args.depth, measures=list(MEASURES), rounds=args.rounds)


def refuse_differences(ours: Scores, theirs: dict[str, dict[str, float]]) -> None:
    for name, key in THEIRS.items():
        for query, value in ours.values[Measure.parse(name)].items():
            if abs(value - theirs[query][key]) > 1e-12:
                raise SystemExit(f"{name} of {query}: {value} here, {theirs[query][key]} there")


if __name__ == "__main__":
    main()
