"""Two workers of Ray beside one, on work that the cores do not limit: an encoder that sleeps, as one waits for a GPU.

    python benchmarks/cluster.py [--documents 3072] [--pause 0.25] [--rounds 3] [--address HOST:PORT]

Ray is started once on this machine; one worker and two take turns with fresh stores. Seconds are those of encoding, as
a run reports them, and of the whole run, the start of the workers included. The run files are compared with those of a
run without Ray. (Not called ray.py: Python would take it for the library.)
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record import keep

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import bench

SHARD = 64
DIM = 64
QUERIES = 64


class Sleeper:
    """Random vectors by a text's bytes, after a pause a batch."""

    def __init__(self, pause: float) -> None:
        self.pause, self.fingerprint = pause, "sleeper 1"

    def encode_queries(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        return np.stack([np.random.default_rng(list(text.encode())).standard_normal(DIM) for text in texts])

    def encode_docs(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        time.sleep(self.pause)
        return self.encode_queries(texts, language)


def collection(folder: Path, documents: int) -> Path:
    """A folder in BEIR's layout."""
    (folder / "qrels").mkdir(parents=True)
    for name, count in (("corpus", documents), ("queries", QUERIES)):
        rows = [{"_id": f"{name[0]}{n}", "text": f"text {n} of the {name}"} for n in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = "".join(f"q{n}\tc{n}\t1\n" for n in range(QUERIES))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


def measured(task: Path, pause: float, **options: Any) -> tuple[float, float, dict[str, bytes]]:
    """Seconds of encoding the documents and of the whole run, and the run files; the store is empty before."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = bench.run(
            Sleeper(pause),
            f"path:{task}",
            cache=Path(folder) / "cache",
            output=Path(folder) / "out",
            shard_size=SHARD,
            latency=False,
            measures=["nDCG@10"],
            **options,
        )
        seconds = time.perf_counter() - start
        files = {path.name: path.read_bytes() for path in (Path(folder) / "out").rglob("*.trec.gz")}
        return result["seconds"]["encode_documents"], seconds, files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=3072)
    parser.add_argument("--pause", type=float, default=0.25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--address", help="of a cluster that is there, with at least two processors")
    args = parser.parse_args()
    sys.argv[1:] = [word if word != args.address else "HOST:PORT" for word in sys.argv[1:]]  # No host is stored.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        task = collection(Path(folder) / "sleep", args.documents)
        _, _, expected = measured(task, 0.0)
        took: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
        _start_ray(folder, args.address)
        for turn in range(args.rounds):
            for workers in (1, 2) if turn % 2 else (2, 1):
                encoding, whole, files = measured(task, args.pause, engine="ray", workers=workers)
                if files != expected:
                    raise SystemExit("the run files differ from those of a run without Ray")
                took[workers].append((encoding, whole))
                print(f"{workers} workers: encoding {encoding:.1f} s, the whole run {whole:.1f} s", flush=True)
        _stop_ray()
    rows = [
        {
            "workers": workers,
            "encoding_s": statistics.median(encoding for encoding, _ in each),
            "whole_run_s": statistics.median(whole for _, whole in each),
        }
        for workers, each in took.items()
    ]
    ratios = {key: rows[0][key] / rows[1][key] for key in ("encoding_s", "whole_run_s")}
    for row in rows:
        row |= {"times_one": rows[0]["encoding_s"] / row["encoding_s"]}
    print("two workers are {encoding_s:.2f} times one in encoding, {whole_run_s:.2f} in the whole run".format(**ratios))
    facts = {"documents": args.documents, "shards": -(-args.documents // SHARD), "pause_s": args.pause}
    keep("ray", rows, rounds=args.rounds, run_files="identical", whole_run_ratio=ratios["whole_run_s"], **facts)


def _start_ray(folder: str, address: str | None) -> None:
    options: dict[str, Any] = {"address": address}
    if address is None:
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(os.urandom(32).hex())
        os.environ.setdefault("RAY_AUTH_TOKEN_PATH", str(token))
        os.environ.setdefault("RAY_TMPDIR", folder)
        options = {"address": "local", "num_cpus": 2, "include_dashboard": False}
    import ray

    ray.init(**options, log_to_driver=False, logging_level="ERROR")


def _stop_ray() -> None:
    import ray

    ray.shutdown()


if __name__ == "__main__":
    main()
