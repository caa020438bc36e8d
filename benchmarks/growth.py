"""How encoding, the store and search grow with the corpus: seconds at several sizes, straight lines through them.

    python benchmarks/growth.py encode [--sizes 1000,2000,4000,10000] [--model muse-small]
    python benchmarks/growth.py store  [--sizes 10000,100000,1000000,10000000] [--dim 128]
    python benchmarks/growth.py search [--sizes 10000,100000,1000000,10000000] [--dim 128] [--queries 100]

Texts are paragraphs of XQuAD in 12 languages, repeated with a number before them so that no two are equal; vectors are
generated. Each size runs in a process of its own, the peak resident set of which is given. A line is fitted by least
squares of the relative error; beside it stands what a line through all sizes but the largest says of the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from record import CHECKOUT, keep, timed
from rows import peak_mb, unit_vectors
from xquad import paragraphs

SHARD = 50_000
SEED = 20


def line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Intercept and slope of the line with the least sum of squared relative errors; neither is below 0."""
    from scipy.optimize import nnls

    weights = 1 / np.asarray(seconds)
    matrix = np.stack([weights, np.asarray(sizes, dtype=float) * weights], axis=1)
    (intercept, slope), _ = nnls(matrix, np.ones(len(sizes)))
    return float(intercept), float(slope)


def fitted(rows: Sequence[dict[str, Any]], key: str) -> dict[str, float]:
    """The line through all sizes, its largest relative error, and what a line that lacks the largest says of it."""
    sizes, seconds = [row["size"] for row in rows], [row[key] for row in rows]
    intercept, slope = line(sizes, seconds)
    errors = [abs(intercept + slope * n - s) / s for n, s in zip(sizes, seconds, strict=True)]
    found = {"intercept": intercept, "slope": slope, "largest_error": max(errors)}
    if len(rows) > 2:
        before, rate = line(sizes[:-1], seconds[:-1])
        found["error_at_the_largest_unseen"] = (before + rate * sizes[-1]) / seconds[-1] - 1
    return found


def texts(data: Path, count: int) -> Iterator[str]:
    """Paragraphs of XQuAD, one language after the other in turn, numbered."""
    files = sorted((data / "xquad").glob("xquad.*.json.gz"))
    if not files:
        raise SystemExit(f"no xquad/ under {data}: set BENCH_TEST_DATA")
    columns = [[row["context"] for row in paragraphs(data, path.name.split(".")[1])] for path in files]
    for number, text in enumerate(islice(cycle(t for row in zip(*columns, strict=True) for t in row), count)):
        yield f"{number} {text}"


def encode(size: int, args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Encode so many texts into an empty store, and find them there again."""
    from bench.registry import Registry
    from bench.store import VectorStore
    from bench.system import Options, resolve

    (encoder,) = resolve(args.model, Registry(), Options(offline=True)).encoders
    encoder.encode(["to load the model"], "document", "und")
    store, batch = VectorStore(folder), 2048
    source = list(texts(args.data, size))

    def run() -> None:
        for start in range(0, size, batch):
            store.get(encoder, source[start : start + batch], "document", "und")

    return {"seconds": seconds_of(run), "again": seconds_of(run)}


def store(size: int, args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Write generated vectors as shards of the store, and find them again with their checksums; beside `numpy.save`."""
    from bench.encoding import BatchLimits
    from bench.store import VectorStore

    class Ready:
        """An encoder whose vectors lie ready: what is timed is the store."""

        limits, uses_language = BatchLimits(None, 1 << 20), False

        def recipe(self, side: str) -> dict[str, Any]:
            return {"model": "ready", "side": side}

        def encode(self, given: Sequence[str], side: str, language: str) -> Any:
            return vectors[: len(given)]

        def count_tokens(self, given: Sequence[str], side: str) -> None:
            return None

        def rendered(self, text: str, side: str) -> str:
            return text

        def environment(self) -> dict[str, Any]:
            return {}

    vectors = unit_vectors(np.random.default_rng(SEED), min(size, SHARD), args.dim)
    filled, shards = VectorStore(folder), [range(s, min(s + SHARD, size)) for s in range(0, size, SHARD)]

    def put() -> None:
        for rows in shards:
            filled.get(Ready(), [f"t{row}" for row in rows], "document", "und")  # type: ignore[arg-type]

    def bare() -> None:
        for number, rows in enumerate(shards):
            with (folder / f"bare-{number}.npy").open("wb") as file:
                np.save(file, vectors[: len(rows)])
                file.flush()
                os.fsync(file.fileno())
            (folder / f"bare-{number}.npy").unlink()

    return {"seconds": seconds_of(put), "again": seconds_of(put), "bare": seconds_of(bare)}


def search(size: int, args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Search generated vectors on disk for some queries and for ten times as many; the page cache holds what it can."""
    from bench.idtable import IdTable, IdWriter
    from bench.search import search as exact

    rng = np.random.default_rng(SEED)
    queries = unit_vectors(rng, 10 * args.queries, args.dim)
    paths = [folder / f"{start:010d}.npy" for start in range(0, size, SHARD)]
    with IdWriter(folder / "ids") as ids:
        for number, path in enumerate(paths):
            rows = min(SHARD, size - number * SHARD)
            np.save(path, unit_vectors(rng, rows, args.dim))
            ids.add([f"doc{number * SHARD + row:09d}" for row in range(rows)])
    ids_of = IdTable(folder / "ids")
    few = queries[: args.queries]
    os.sync()  # Or the system writes what was generated while it is searched.
    return {
        "seconds": seconds_of(lambda: exact(few, paths, ids_of, args.k), rounds=3),
        "ten_times": seconds_of(lambda: exact(queries, paths, ids_of, args.k), rounds=3),
    }


def seconds_of(work: Callable[[], object], rounds: int = 1) -> float:
    """The median of some rounds."""
    return statistics.median(timed(work).wall for _ in range(rounds))


WORKS = {"encode": encode, "store": store, "search": search}


def one(args: argparse.Namespace) -> None:
    """One size, in this process."""
    with tempfile.TemporaryDirectory(prefix="bench-growth-", dir=args.dir) as folder:
        found = WORKS[args.what](args.one, args, Path(folder))
    print(json.dumps({"size": args.one, **found, "peak_mb": peak_mb()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WORKS)
    parser.add_argument("--sizes", help="several, with commas between")
    parser.add_argument("--model", default="muse-small")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=100, help="and ten times as many")
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--dir", help="where temporary files go: room for the largest size is needed")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("BENCH_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    )
    args = parser.parse_args()
    if args.one:
        one(args)
        return
    default = "1000,2000,4000,10000" if args.what == "encode" else "10000,100000,1000000,10000000"
    rows = []
    for size in sorted(map(int, (args.sizes or default).split(","))):
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(size)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print("  ".join(f"{key} {value:,.2f}" for key, value in rows[-1].items()).replace(".00 ", " "))
    lines = {key: fitted(rows, key) for key in rows[0] if key not in ("size", "peak_mb")}
    for key, found in lines.items():
        print(
            f"{key}: {found['intercept']:.2f} s + {found['slope'] * 1e6:,.2f} s a million, "
            f"at most {found['largest_error']:.0%} off; the largest from the others: "
            f"{found.get('error_at_the_largest_unseen', 0.0):+.0%}"
        )
    facts = {"model": args.model} if args.what == "encode" else {"dim": args.dim}
    facts |= {"queries": args.queries, "k": args.k} if args.what == "search" else {}
    keep(f"growth-{args.what}", rows, lines=lines, **facts)


if __name__ == "__main__":
    main()
