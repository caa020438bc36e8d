"""A task of one's own: four documents, some of which obey a terminal, three questions, and its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cardfiles import own

DOCS = [
    ("a b", "", "red \x1b[31m rose\x9b2J"),
    ("d2", "White", "rose \u202e here\n\tand there"),
    ("d3", "", "violet"),
    ("d4", "", "tulip"),
]
QUERIES = [("q1", "rose \x1b]0;title\x07 white"), ("q2", "violet"), ("q3", "orchid")]
QRELS = [("q1", "a b", 2), ("q1", "d2", 0), ("q1", "d4", 1), ("q2", "d3", 1), ("q3", "d3", 1)]


def write_own(
    folder: Path, *, texts_may_be_shown: bool, labels: Sequence[tuple[str, str, int]] = QRELS
) -> list[object]:
    """A task of the user's own with four documents; the options that find it."""
    beir = folder / "data" / "mine" / "en"
    (beir / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "cards" / "tasks").mkdir(parents=True, exist_ok=True)
    shown = {"texts_may_be_shown": True} if texts_may_be_shown else {}
    card = own(split="test", splits=[], document_text="title and text", measures=["nDCG@3", "P@1"], **shown)
    (folder / "cards" / "tasks" / "mine.yaml").write_text(card)
    corpus = [json.dumps({"_id": i, "title": title, "text": text}) for i, title, text in DOCS]
    (beir / "corpus.jsonl").write_text("\n".join(corpus))
    (beir / "queries.jsonl").write_text("\n".join(json.dumps({"_id": i, "text": text}) for i, text in QUERIES))
    (beir / "qrels" / "test.tsv").write_text("".join(f"{q}\t{d}\t{label}\n" for q, d, label in labels))
    places = ["--data", folder / "data", "--cards", folder / "cards", "--output", folder / "out"]
    return ["--model", "bm25", "--task", "mine", "--lang", "en", *places]
