"""A toy encoder whose vectors depend on the text alone, and toy collections in BEIR's layout."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 24


def text_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Toy:
    """Hashed bags of words: small whole numbers, so scores are exact and often equal.

    Every batch is one line `side text-id text-id ..` in the file `log`, written before the batch takes `pause` seconds.
    """

    fingerprint: str | None = "toy 1"

    def __init__(self, log: Path | None = None, pause: float = 0.0) -> None:
        self.log, self.pause = log, pause

    def encode_queries(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        return self._encode("query", texts)

    def encode_docs(self, texts: Sequence[str], language: str) -> NDArray[np.float32]:
        return self._encode("document", texts)

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.log:
            line = " ".join([side, *map(text_id, texts)]) + "\n"
            handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, line.encode())
            os.close(handle)
        time.sleep(self.pause)
        return np.stack([vector(text) for text in texts])


def vector(text: str) -> NDArray[np.float32]:
    counts = np.zeros(DIMENSIONS, np.float32)
    for word in text.lower().split():
        counts[zlib.crc32(word.encode()) % DIMENSIONS] += 1
    return counts


def logged(log: Path) -> list[tuple[str, list[str]]]:
    """The batches of a log: side and text ids; a line that a kill cut short is left out."""
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    return [(side, texts) for side, *texts in (line.split(" ") for line in lines)]


def write_beir(
    folder: Path,
    docs: Iterable[tuple[str, str]],
    queries: Iterable[tuple[str, str]],
    qrels: Mapping[str, Iterable[str]],
) -> Path:
    """A folder in BEIR's layout from (id, text) pairs and the relevant documents of each query."""
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", docs), ("queries", queries)):
        lines = [json.dumps({"_id": i, "text": text}, ensure_ascii=False) for i, text in rows]
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    judged = [f"{query}\t{doc}\t1\n" for query, relevant in qrels.items() for doc in relevant]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged), encoding="utf-8")
    return folder
