"""Tasks of mteb whose data are made on the spot, and an encoder that mteb and bench can both use."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

WORDS = [
    "river",
    "lake",
    "bridge",
    "star",
    "planet",
    "comet",
    "wheat",
    "rice",
    "maize",
    "wolf",
    "tiger",
    "whale",
    "stone",
    "cloud",
    "ember",
    "fjord",
]
DESCRIPTION = {
    "description": "A small task for tests.",
    "category": "t2t",
    "eval_langs": ["eng-Latn"],
    "date": ("2024-01-01", "2024-01-02"),
    "dialect": [],
    "domains": [],
    "task_subtypes": [],
    "license": "cc-by-4.0",
    "annotations_creators": "derived",
    "modalities": ["text"],
    "sample_creation": "created",
    "bibtex_citation": "",
    "reference": "https://example.org",
    "type": "Retrieval",
    "main_score": "ndcg_at_10",
    "eval_splits": ["test"],
}


def texts(seed: int, count: int, length: int) -> list[str]:
    """Texts of so many of the words, drawn at random."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, length)) for _ in range(count)]


def documents(seed: int, count: int = 30) -> list[dict[str, str]]:
    """Some without a title, some with white space around; ids `0`, `1`, .."""
    rows = zip(texts(seed, count, 9), texts(seed + 1, count, 2), strict=True)
    return [
        {"id": str(i), "title": title if i % 3 else "", "text": f"  {text} {i}\n" if i % 4 else text}
        for i, (text, title) in enumerate(rows)
    ]


def questions(seed: int, count: int = 8) -> list[dict[str, str]]:
    """Ids that documents have, too; only the first seven are judged."""
    return [{"id": str(i), "text": text} for i, text in enumerate(texts(seed + 2, count, 3))]


def judgments(seed: int) -> dict[str, dict[str, int]]:
    """Graded, some 0, query `0` with its own id among them, and one of a document that there is not."""
    rng = np.random.default_rng(seed + 3)
    judged = {
        str(q): {str(d): int(rng.integers(0, 3)) for d in rng.choice(30, 6, replace=False).tolist()} for q in range(7)
    }
    judged["0"] |= {"0": 2}
    judged["1"] |= {"lost": 1}
    return judged


def vector(text: str) -> np.ndarray:
    """The sum of a vector for each word: the same for the same words."""
    rows = [
        np.random.default_rng(int(hashlib.sha256(word.encode()).hexdigest()[:12], 16)).normal(size=48)
        for word in text.split()
    ]
    total = np.sum(rows, axis=0) if rows else np.ones(48)
    return total / np.linalg.norm(total)


class Hashing:
    """The encoder on both sides; `seen` are the texts that it was given, by side."""

    fingerprint = "hashed words 1"

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {"query": set(), "document": set()}

    def encode_queries(self, batch: list[str], language: str) -> np.ndarray:
        return self._encode(batch, "query")

    def encode_docs(self, batch: list[str], language: str) -> np.ndarray:
        return self._encode(batch, "document")

    def _encode(self, batch: list[str], side: str) -> np.ndarray:
        self.seen[side] |= set(batch)
        return np.stack([vector(text) for text in batch]).astype(np.float32)

    # From here on it is what mteb calls an encoder.
    @property
    def mteb_model_meta(self) -> Any:
        from mteb.models import ModelMeta

        return ModelMeta.create_empty()

    def encode(self, inputs: Any, *, prompt_type: Any, **_: Any) -> np.ndarray:
        return np.concatenate([self._encode(list(batch["text"]), prompt_type.value) for batch in inputs])

    def similarity(self, left: np.ndarray, right: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(np.asarray(left) @ np.asarray(right).T)

    def similarity_pairwise(self, left: np.ndarray, right: np.ndarray) -> Any:
        import torch

        return torch.from_numpy((np.asarray(left) * np.asarray(right)).sum(1))


def old_format(name: str, seed: int = 1, **changed: Any) -> type:
    """A task as mteb's older ones are: dictionaries, all in memory, titles beside texts."""
    from mteb import AbsTask, TaskMetadata
    from mteb.abstasks import AbsTaskRetrieval

    def load_data(self: Any, **_: Any) -> None:
        self.corpus = {"test": {d["id"]: {"title": d["title"], "text": d["text"]} for d in documents(seed)}}
        self.queries = {"test": {q["id"]: q["text"] for q in questions(seed)}}
        self.relevant_docs = {"test": judgments(seed)}
        self.data_loaded = True

    attributes = {key: changed.pop(key) for key in list(changed) if hasattr(AbsTaskRetrieval, key)}
    metadata = TaskMetadata(name=name, dataset={"path": "example/old", "revision": "1"}, **(DESCRIPTION | changed))
    made = type(name, (AbsTaskRetrieval,), {"metadata": metadata, "load_data": load_data, **attributes})
    assert issubclass(made, AbsTask)
    return made


def on_disk(name: str, folder: Path, subsets: dict[str, list[str]], **changed: Any) -> type:
    """A task in mteb's present layout, read by mteb's own loader from the files of a folder."""
    from mteb import TaskMetadata
    from mteb.abstasks import AbsTaskRetrieval

    parts = []
    for seed, subset in enumerate(subsets):
        qrels = [
            {"query-id": q, "corpus-id": d, "score": label}
            for q, row in judgments(seed).items()
            for d, label in row.items()
        ]
        for part, rows in (("corpus", documents(seed)), ("queries", questions(seed)), ("qrels", qrels)):
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{subset}-{part}.jsonl").write_text(lines, encoding="utf-8")
            parts.append(
                f"- config_name: {subset}-{part}\n  data_files:\n  - split: test\n    path: {subset}-{part}.jsonl\n"
            )
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(parts) + "---\n", encoding="utf-8")
    description = DESCRIPTION | {"eval_langs": subsets} | changed
    metadata = TaskMetadata(name=name, dataset={"path": str(folder), "revision": "1"}, **description)
    return type(name, (AbsTaskRetrieval,), {"metadata": metadata})
