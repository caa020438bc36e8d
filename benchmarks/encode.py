"""Speed and memory of encoding a corpus on disk, beside a bare loop over the same model and the library's own `encode`.

    python benchmarks/encode.py --data ../shared/data [--model all-minilm-l6-v2] [--texts 640] [--rounds 5] [--json]

Three ways to the same vectors, in one process and in alternated rounds: `corpus` is what a run does (read, tokenise,
encode, store, with checksums) from a file of passages to shards of 2048 texts; `loop` has the texts tokenised, sorted
by their tokens and cut into batches of 32 beforehand and only runs the model; `encode` is one call of
`SentenceTransformer.encode` over the whole list. Passages are XQuAD's paragraphs of several languages, each cut at a
length of its own, so that lengths are spread as those of real passages are. Printed are the medians of the ratios of
each round by the clock and in processor seconds (all threads; other work on the machine is not in these), and the peak
resident set of fresh processes that only encode so many passages, and twice as many. The figures are left in
`results/encode.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from record import Seconds, alternated, keep, report, workplace
from rows import peak_of
from xquad import paragraphs

from bench.adapters.encoded import EncodedCorpus
from bench.census import CountedCorpus
from bench.loaders import open_source
from bench.places import Places
from bench.registry import Registry
from bench.store import VectorStore
from bench.system import Options, resolve
from bench.watch import Watch, peak_memory_mb

LANGUAGES = ("en", "de", "es", "ru", "zh")
WAYS = ("corpus", "loop", "encode")


def passages(data: Path, count: int) -> list[str]:
    """Paragraphs of several languages in turn, again and again, each cut where a log-normal length says."""
    pools = [[paragraph["context"] for paragraph in paragraphs(data, language)] for language in LANGUAGES]
    rng = random.Random(7)
    found = []
    for number in range(count):
        pool = pools[number % len(pools)]
        text = pool[(number // len(pools)) % len(pool)]
        found.append(f"{text[: max(40, int(rng.lognormvariate(6.2, 0.6)))]} {number}")
    return found


def write_corpus(folder: Path, texts: list[str]) -> None:
    """The passages as a folder that `path:` reads, with one question that nobody asks here."""
    (folder / "qrels").mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"_id": str(n), "title": "", "text": text}) + "\n" for n, text in enumerate(texts))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "who"}\n', encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t0\t1\n", encoding="utf-8")


class Contest:
    """One loaded model, and the three ways."""

    def __init__(self, name: str, folder: Path, texts: list[str], work: Path) -> None:
        self.texts, self.folder, self.work = texts, folder, work
        self.task = Registry().task(f"path:{folder}")
        self.encoder: Any = resolve(name, Registry(), Options(offline=True, device="cpu")).encoders[0]
        self.model = self.encoder.model
        self.prompt = self.encoder.prompt("document")
        self.ready: list[Any] = []
        self.number = 0

    def tokenise(self) -> None:
        """What the bare loop is given: the features of its batches."""
        order = np.argsort([-n for n in self.encoder.count_tokens(self.texts, "document").lengths], kind="stable")
        for start in range(0, len(order), 32):
            batch = [self.texts[i] for i in order[start : start + 32]]
            self.ready.append(self.model.preprocess(batch, prompt=self.prompt, task="document"))

    def corpus(self) -> Any:
        self.number += 1
        place = self.work / str(self.number)
        subset = self.task.subsets_of(self.task.split)[0]
        source = open_source(self.task, subset, self.task.split, Places(self.folder, place, True))
        (place / "ids").mkdir(parents=True)
        encoded = EncodedCorpus(self.encoder, VectorStore(place / "vectors"), Watch())
        encoded.encode(CountedCorpus(self.task, subset, source, place / "ids"))
        return np.concatenate([np.load(shard.path) for shard in encoded.shards])

    def loop(self) -> Any:
        import torch

        with torch.inference_mode():
            return torch.cat([self.model(dict(batch))["sentence_embedding"] for batch in self.ready]).numpy()

    def encode(self) -> Any:
        return self.model.encode(self.texts, prompt=self.prompt, show_progress_bar=False)


def measured(contest: Contest, rounds: int) -> dict[str, Any]:
    """Seconds and ratios of alternated rounds."""
    contest.tokenise()
    took = alternated({way: getattr(contest, way) for way in WAYS}, rounds)
    ratios = {
        other: {
            clock: [getattr(b, clock) / getattr(a, clock) for a, b in zip(took["corpus"], took[other], strict=True)]
            for clock in Seconds._fields
        }
        for other in ("loop", "encode")
    }
    return {
        "texts": len(contest.texts),
        "tokens": int(contest.encoder.count_tokens(contest.texts, "document").lengths.sum()),
        "seconds": {way: statistics.median(one.wall for one in rows) for way, rows in took.items()},
        "cpu_seconds": {way: statistics.median(one.cpu for one in rows) for way, rows in took.items()},
        "ratios": ratios,
        "median": {o: {kind: statistics.median(row) for kind, row in r.items()} for o, r in ratios.items()},
    }


def left(result: dict[str, Any], args: argparse.Namespace) -> None:
    """Leave the figures in `results/encode.json`."""
    rows = [
        {"way": way, "seconds": result["seconds"][way], "processor_seconds": result["cpu_seconds"][way]}
        | {f"corpus_by_{clock}": ratio for clock, ratio in result["median"].get(way, {}).items()}
        for way in WAYS
    ]
    peaks = {f"peak_mb_at_{count}": size for count, size in result["peak_mb"].items()}
    facts = {key: result[key] for key in ("texts", "tokens")} | peaks
    keep("encode", rows, model=args.model, rounds=args.rounds, **facts)


def show(result: dict[str, Any]) -> None:
    print("{texts} passages, {tokens} tokens".format(**result))
    for way in WAYS:
        print(f"  {way:7} {result['seconds'][way]:7.2f} s, {result['cpu_seconds'][way]:7.2f} processor s (medians)")
    for other, goal in (("loop", 0.95), ("encode", 0.97)):
        row, each = result["median"][other], " ".join(f"{x:.2f}" for x in result["ratios"][other]["cpu"])
        print(
            f"speed / {other}: {row['wall']:.3f} by the clock, {row['cpu']:.3f} by processor (rounds: {each};", end=""
        )
        print(f" goal: {goal} or more)")
    for count, size in result["peak_mb"].items():
        print(f"peak resident set at {count} passages: {size:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where xquad/ lies")
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peak", action="store_true", help="leave the two processes for the peak out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    with workplace("encode") as work:
        texts = passages(args.data, args.texts)
        write_corpus(work / "corpus", texts)
        contest = Contest(args.model, work / "corpus", [] if args.peak else texts, work)
        if args.peak:
            del texts
            contest.corpus()
            print(peak_memory_mb())
            return
        result = measured(contest, args.rounds)
    sizes = () if args.no_peak else (args.texts, 2 * args.texts)
    same = ("--data", args.data, "--model", args.model, "--peak")
    result["peak_mb"] = {str(count): peak_of(*same, "--texts", count) for count in sizes}
    left(result, args)
    report(result, show, as_json=args.json)


if __name__ == "__main__":
    main()
