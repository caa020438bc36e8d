"""Rehearsals at full size: MIRACL's Swahili from end to end, and the reading of five million English passages.

    python benchmarks/rehearsal.py swahili --data ../shared/data
    python benchmarks/rehearsal.py miracl --passages 5000000
    python benchmarks/rehearsal.py xor --passages 5000000

The passages are generated (their ids include every judged one), the topics and judgments are the real ones. Printed are
seconds by phase, documents a second and the peak resident set that the system reports.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from record import timed, workplace
from rows import peak_mb

import bench
from bench.census import CountedCorpus
from bench.loaders import open_source
from bench.places import Places
from bench.registry import Registry

DOCUMENTS = 131_924
NAMED = 31_000
"""Passages that XOR-Retrieve's dev questions name in a run, about: 2,110 questions, and much overlap."""
WORDS = [
    "maji",
    "mto",
    "ziwa",
    "mlima",
    "nyota",
    "mwezi",
    "jua",
    "mti",
    "ndege",
    "samaki",
    "simba",
    "chui",
    "tembo",
    "kitabu",
    "shule",
    "mwalimu",
    "mji",
]
_DIMENSIONS = 256


class HashEncoder:
    """Words hashed into 256 dimensions with a sign: cheap, deterministic, and no model at all."""

    fingerprint = "words hashed into 256 dimensions"

    def encode_queries(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        return self.encode_docs(texts, language)

    def encode_docs(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.split():
                code = zlib.crc32(word.encode())
                row[code % _DIMENSIONS] += 1.0 if code & 0x8000_0000 else -1.0
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def passages(ids: Sequence[str], seed: int, words: int) -> Iterator[str]:
    """JSON lines as MIRACL has them."""
    rng = random.Random(seed)
    for name in ids:
        text = " ".join(f"{rng.choice(WORDS)}{rng.randrange(1000)}" for _ in range(words))
        yield json.dumps({"docid": name, "title": f"Makala {name.partition('#')[0]}", "text": text})


def swahili(data: Path, work: Path) -> None:
    """The whole line on a stand-in corpus of the real size."""
    folder = work / "miracl" / "v1.0" / "sw"
    for name in ("topics", "qrels"):
        (source,) = (data / "miracl").rglob(f"{name}*sw-dev*")
        target = folder / "dev" / f"{name}.tsv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.decompress(source.read_bytes()))
    judged = {line.split()[2] for line in (folder / "dev" / "qrels.tsv").read_text().splitlines()}
    others = (f"{1_000_000 + i // 8}#{i % 8}" for i in range(DOCUMENTS))
    ids = [*sorted(judged), *(name for name, _ in zip(others, range(DOCUMENTS - len(judged)), strict=False))]
    (folder / "docs").mkdir()
    with gzip.open(folder / "docs" / "docs-0.jsonl.gz", "wt", compresslevel=1, encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in passages(ids, 0, 50))
    for label, model, options in (
        ("a hash encoder, all documents", HashEncoder(), {}),
        ("muse-small, a sample of 2,000", "muse-small", {"limit_docs": 2000}),
    ):
        start = time.perf_counter()
        result = bench.run(
            model, "miracl", ["sw"], data=work, cache=work / "cache", offline=True, allow_unpinned=True, **options
        )
        report(label, result, time.perf_counter() - start)


def report(label: str, result: dict[str, object], wall: float) -> None:
    """One run's figures."""
    row = result["languages"]["sw"]  # type: ignore[index]
    seconds = {phase: s for phase, s in result["seconds"].items() if s}  # type: ignore[attr-defined]
    of = {"encode_queries": "queries", "score": "queries"}
    print(f"{label}: {row['documents']:,} documents, {row['queries']} queries, {row['judged']:,} judgments")
    print(f"  sample {result['sample']}, pins {result['pins']}, nDCG@10 {row['nDCG@10']:.4f}")
    for phase, spent in seconds.items():
        counted = of.get(phase, "documents")
        print(f"  {phase} {spent:.2f} s ({row[counted] / spent:,.0f} {counted} a second)")
    print(f"  wall {wall:.1f} s; peak {peak_mb():,.0f} MB")


def miracl(work: Path, count: int) -> None:
    """English passages in MIRACL's layout, ten shards for five million."""
    folder, size = work / "miracl" / "v1.0" / "en", 500_000
    (folder / "docs").mkdir(parents=True)
    (folder / "dev").mkdir()
    (folder / "dev" / "topics.tsv").write_text("1\twhat is it\n", encoding="utf-8")
    (folder / "dev" / "qrels.tsv").write_text("1\tQ0\t0#0\t1\n", encoding="utf-8")
    rests = [line.removeprefix('{"docid": ""') + "\n" for line in passages([""] * 1000, 1, 80)]
    for shard, first in enumerate(range(0, count, size)):
        with gzip.open(folder / "docs" / f"docs-{shard}.jsonl.gz", "wt", compresslevel=1, encoding="utf-8") as file:
            for i in range(first, min(first + size, count)):
                file.write(f'{{"docid": "{i // 10}#{i % 10}"{rests[i % 1000]}')
    read(work, "miracl", "en", count)


def xor(work: Path, count: int) -> None:
    """English passages in XOR-Retrieve's table, every tenth cell quoted; then the texts that a run would name."""
    folder = work / "xor-retrieve"
    folder.mkdir(parents=True)
    question = {"id": "1", "question": "what is it", "lang": "ko", "answers": ["maji1"]}
    name = "xor_dev_retrieve_eng_span_v1_1.jsonl"
    (folder / name).write_text(json.dumps(question) + "\n", encoding="utf-8")
    texts = [json.loads(line)["text"] for line in passages([""] * 1000, 1, 80)]
    with (folder / "enwiki_20190201_w100.tsv").open("w", encoding="utf-8") as file:
        file.write("id\ttext\ttitle\n")
        for i in range(count):
            text = texts[i % 1000]
            quoted = f'"{text} ""{i}"""' if i % 10 == 0 else text
            file.write(f"{i + 1}\t{quoted}\tMakala {i // 10}\n")
    corpus = read(work, "xor-retrieve", "ko", count)
    wanted = {str(1 + i * (count // NAMED)) for i in range(NAMED)}
    processor = time.process_time()
    found = corpus.raw_texts(wanted)
    processor = time.process_time() - processor
    print(f"{len(found):,} texts by id: {count / processor:,.0f} passages a processor second; peak {peak_mb():,.0f} MB")


def read(work: Path, task: str, language: str, count: int) -> CountedCorpus:
    """Read passages through the real loader and the census that every run makes of its corpus."""
    size = sum(path.stat().st_size for path in work.rglob("*") if path.is_file()) / 1e9
    print(f"{task}: {count:,} passages written, {size:.2f} GB; peak {peak_mb():,.0f} MB before they are read")
    card = Registry().task(task)
    source = open_source(card, language, card.split, Places(work, work / "cache", True))
    corpus = CountedCorpus(card, language, source, work / "ids")
    wall, processor = timed(lambda: deque(corpus.docs(), maxlen=0))
    census = corpus.census(source.queries(), source.qrels())
    print(f"{census.documents:,} passages read and counted in {wall:.0f} s, {processor:.0f} of them of a processor")
    print(f"  {count / processor:,.0f} a processor second; peak {peak_mb():,.0f} MB")
    return corpus


def main() -> None:
    """Choose the rehearsal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("swahili", "miracl", "xor"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real topics and qrels")
    parser.add_argument("--passages", type=int, default=5_000_000)
    given = parser.parse_args()
    with workplace("rehearsal") as work:
        if given.what == "swahili":
            swahili(given.data, work)
        else:
            {"miracl": miracl, "xor": xor}[given.what](work, given.passages)


if __name__ == "__main__":
    main()
