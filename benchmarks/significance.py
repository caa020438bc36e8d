"""Time and memory of a board's statistics: intervals, groups and ranks of many synthetic systems.

    python benchmarks/significance.py --systems 200 --languages 40 --queries 10000

Writes per-query scores as a board has them into a temporary folder, then reads and computes in a process of its own, so
that the peak resident set is that of the statistics alone: once with the same questions in all languages, once apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import keep

from bench.entry import Entry
from bench.significance.panel import Design
from bench.statistics import statistics

MEASURE = "nDCG@10"


def codes(count: int) -> list[str]:
    return [f"l{i:02}" for i in range(count)]


def write(folder: Path, systems: int, languages: int, queries: int) -> None:
    """One table a system: ranks of one relevant document, harder and easier queries, better and worse systems."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    ids = pa.array([f"q{i:06}" for i in range(queries)] * languages)
    language = pa.array(np.repeat(codes(languages), queries))
    measure = pa.array([MEASURE] * (queries * languages))
    hard = rng.normal(size=(languages, queries))
    for number in range(systems):
        depth = np.exp(hard + rng.normal(size=hard.shape) + 1.5 * number / systems)
        value = np.where(depth < 10, 1 / np.log2(np.floor(depth) + 2), 0.0)
        table = pa.table({"query": ids, "language": language, "measure": measure, "value": value.ravel()})
        pq.write_table(table, folder / f"{number:03}.parquet", compression="zstd")


def measure(folder: Path, languages: int, parallel: bool) -> None:
    blocks = {code: {"fingerprint": "f", MEASURE: 0.5} for code in codes(languages)}
    systems = []
    for path in sorted(folder.glob("*.parquet")):
        identity = {"task": "synthetic", "model": path.stem}
        systems.append((path.with_suffix(".json"), Entry(identity, True, (MEASURE,), tuple(blocks), blocks)))
    start, spent = time.perf_counter(), time.process_time()
    result = statistics(systems, MEASURE, Design(parallel))
    seconds, processor = time.perf_counter() - start, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    first = result["systems"][0]["mean"]
    numbers = {"seconds": round(seconds, 1), "processor_seconds": round(processor, 1), "peak_gb": round(peak, 2)}
    print(json.dumps({"systems": len(systems)} | numbers | {"first": first}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--languages", type=int, default=40)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--parallel", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        measure(given.folder, given.languages, given.parallel)
        return
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), given.systems, given.languages, given.queries)
        rows = []
        for parallel in ([], ["--parallel"]):
            command = [sys.executable, __file__, "--folder", name, "--languages", str(given.languages), *parallel]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            rows.append({"questions": "the same in all languages" if parallel else "others in each language"} | found)
            print(rows[-1], flush=True)
    keep("significance", rows, languages=given.languages, queries=given.queries)


if __name__ == "__main__":
    main()
