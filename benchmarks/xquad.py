"""XQuAD's original files: their paragraphs, and what mteb's loader would return of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any


def paragraphs(data: Path, language: str) -> list[dict[str, Any]]:
    """The paragraphs of `xquad/xquad.LANGUAGE.json.gz` under a data folder, in the file's order."""
    content = gzip.decompress((data / "xquad" / f"xquad.{language}.json.gz").read_bytes())
    return [paragraph for article in json.loads(content)["data"] for paragraph in article["paragraphs"]]


def as_mteb_loads_it(data: Path, language: str) -> dict[str, Any]:
    """The parts that mteb's own loader returns: each text once, whatever asks for it relevant."""
    from datasets import Dataset

    rows = paragraphs(data, language)
    documents = {text: f"d{i}" for i, text in enumerate(dict.fromkeys(row["context"] for row in rows))}
    relevant: dict[str, dict[str, int]] = {}
    for row in rows:
        for question in row["qas"]:
            relevant.setdefault(question["question"], {})[documents[row["context"]]] = 1
    questions = {text: f"q{i}" for i, text in enumerate(relevant)}
    return {
        "corpus": Dataset.from_list([{"id": i, "title": "", "text": text} for text, i in documents.items()]),
        "queries": Dataset.from_list([{"id": i, "text": text} for text, i in questions.items()]),
        "relevant_docs": {questions[text]: labels for text, labels in relevant.items()},
        "top_ranked": None,
    }
