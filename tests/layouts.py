"""A small example of every loader's files, and a run on it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from originals import Known, write

import bench
from bench.registry import Registry

XQUAD_R = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def squad(**more: Any) -> str:
    questions = [{"id": f"q{i}", "question": text, "answers": [{"answer_start": 0}]} for i, text in enumerate("ab")]
    return json.dumps({"data": [{"paragraphs": [{"context": "A river.", "qas": questions, **more}]}]}, indent=1)


class Layout(NamedTuple):
    """Small whole files of one language of a task; `files` are content by name under the data folder.

    `judged` is the file of judgments, with a line that judges another document and one that judges another query.
    """

    task: str
    language: str
    files: dict[str, str]
    topics: str | None = None
    judged: tuple[str, str, str | None] | None = None


PAIRS = "1\ta river\n2\ta lake\n"
TREC_QRELS = "1 Q0 1 1\n2 Q0 2 1\n"
BEIR = [{"_id": "1", "text": "a river"}, {"_id": "2", "text": "a lake"}]

LAYOUTS = [
    Layout(
        "miracl",
        "yo",
        {
            "miracl/v1.0/yo/docs/docs-1.jsonl": lines(
                *({"docid": str(i), "title": "t", "text": "a river"} for i in (1, 2))
            ),
            "miracl/v1.0/yo/dev/topics.tsv": PAIRS,
            "miracl/v1.0/yo/dev/qrels.tsv": TREC_QRELS,
        },
        "miracl/v1.0/yo/dev/topics.tsv",
        ("miracl/v1.0/yo/dev/qrels.tsv", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
    Layout(
        "mrtydi",
        "sw",
        {
            "mrtydi/mrtydi-v1.1-swahili/collection/docs.jsonl": lines(
                *({"id": str(i), "contents": "t\n\na river"} for i in (1, 2))
            ),
            "mrtydi/mrtydi-v1.1-swahili/topic.test.tsv": PAIRS,
            "mrtydi/mrtydi-v1.1-swahili/qrels.test.txt": TREC_QRELS,
        },
        "mrtydi/mrtydi-v1.1-swahili/topic.test.tsv",
        ("mrtydi/mrtydi-v1.1-swahili/qrels.test.txt", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
    Layout(
        "mmarco",
        "de",
        {
            "mmarco/v2/german_collection.tsv": PAIRS,
            "mmarco/v2/german.queries.dev.tsv": PAIRS,
            "mmarco/qrels.dev.small.tsv": TREC_QRELS,
        },
        None,
        ("mmarco/qrels.dev.small.tsv", "1\t0\t9\t1\n", "9\t0\t1\t1\n"),
    ),
    Layout(
        "msmarco",
        "en",
        {
            "msmarco/collection.tsv": PAIRS,
            "msmarco/queries.dev.small.tsv": PAIRS,
            "msmarco/qrels.dev.small.tsv": TREC_QRELS,
        },
        None,
        ("msmarco/qrels.dev.small.tsv", "1\t0\t9\t1\n", "9\t0\t1\t1\n"),
    ),
    Layout(
        "xor-retrieve",
        "ko",
        {
            "xor-retrieve/xor_dev_retrieve_eng_span_v1_1.jsonl": lines(
                *({"id": str(i), "question": "which", "lang": "ko", "answers": ["river"]} for i in (1, 2))
            ),
            "xor-retrieve/enwiki_20190201_w100.tsv": "id\ttext\ttitle\n1\ta river\tt\n2\ta lake\tt\n",
        },
    ),
    Layout(
        "xtreme-up",
        "bho",
        {
            "xtreme-up/retrieval_cross_lang/index.jsonl": lines(
                *({"id": str(i), "title": "t", "context": "a river"} for i in (1, 2))
            ),
            "xtreme-up/retrieval_cross_lang/test/bho.jsonl": lines(*({"id": i, "question": "which"} for i in (1, 2))),
        },
        None,
        ("xtreme-up/retrieval_cross_lang/test/bho.jsonl", lines({"id": "9", "question": "what"}), None),
    ),
    Layout("xquad", "en", {"xquad/xquad.en.json": squad()}),
    Layout(
        "xquad-r",
        "en",
        {f"lareqa/{code}.json": squad(sentences=["A river."], sentence_breaks=[[0, 8]]) for code in XQUAD_R},
    ),
    Layout(
        "path:beir",
        "und",
        {
            "beir/corpus.jsonl": lines(*BEIR),
            "beir/queries.jsonl": lines(*BEIR),
            "beir/qrels/test.tsv": "1\t1\t1\n2\t2\t1\n",
        },
        None,
        ("beir/qrels/test.tsv", "1\t9\t1\n", "9\t1\t1\n"),
    ),
    Layout(
        "path:trec",
        "und",
        {"trec/docs.jsonl": lines(*BEIR), "trec/topics.tsv": PAIRS, "trec/qrels.txt": TREC_QRELS},
        "trec/topics.tsv",
        ("trec/qrels.txt", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
]
BY_TASK = {layout.task: layout for layout in LAYOUTS}
# Of eleven equal files two are enough: the language's own, and another of the pool.
FILES = [
    (layout.task, name)
    for layout in LAYOUTS
    for name in layout.files
    if "lareqa" not in name or Path(name).stem in "en ru"
]


def lay(layout: Layout, data: Path) -> Path:
    for name, text in layout.files.items():
        write(data / name, text)
    return data


def named(layout: Layout, data: Path) -> str:
    return f"path:{data / layout.task.removeprefix('path:')}" if layout.task.startswith("path:") else layout.task


def run(layout: Layout, tmp_path: Path, model: Any = None, pinned: bool = True, **options: Any) -> dict[str, Any]:
    task: Any = named(layout, tmp_path / "data")
    if not pinned:
        task = Registry().task(task).model_copy(update={"pins": {}})
    folders = {name: tmp_path / name for name in ("data", "cache", "board", "output")}
    settings = {"languages": [layout.language], "offline": True, "allow_unpinned": True, **folders, **options}
    return bench.run(model or Known({}), task, **settings)


def nothing_written(tmp_path: Path) -> bool:
    left = [path for name in ("board", "output", "cache/work") for path in (tmp_path / name).rglob("*")]
    return not [path for path in left if path.is_file() and path.suffix != ".lock" and path.name != ".lock"]


def zipped(name: str, data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, data)
    return archive.getvalue()


PAGE = b"\n<!DOCTYPE html>\n<html><body>404: not here, 1\ta river</body></html>\n"
