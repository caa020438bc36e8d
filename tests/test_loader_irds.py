"""Files in ir_datasets' home, read as ir_datasets itself reads them, and without its traps.

ir_datasets fixes its home when it is imported, so each test is a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from originals import gunzip, write_lines, write_miracl, write_rows

TESTS = Path(__file__).parent
START = """
import json, socket, sys

def refuse(*_, **__):
    raise ConnectionError("blocked")

socket.socket.connect = socket.getaddrinfo = refuse

from pathlib import Path
import bench
from bench.errors import BenchError
from bench.loaders import open_source
from bench.places import Places
from bench.registry import Registry

def ours(name, language, split, offline=True):
    task = Registry().task(name)
    source = open_source(task, language, split, Places(None, Path("cache"), offline))
    return {
        "docs": [[p.id, " ".join(part for part in (p.title, p.text) if part)] for p in source.passages()],
        "queries": [list(query) for query in source.queries()],
        "qrels": [[q, d, label] for q, row in source.qrels().items() for d, label in row.items()],
    }

def theirs(name, joint=" "):
    import ir_datasets
    data = ir_datasets.load(name)
    return {
        "docs": [[doc.doc_id, doc.default_text().replace("\\n\\n", joint, 1)] for doc in data.docs_iter()],
        "queries": [list(query) for query in data.queries_iter()],
        "qrels": [[q.query_id, q.doc_id, q.relevance] for q in data.qrels_iter()],
    }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the smallest files that ir_datasets takes for four of its data sets."""
    home = tmp_path / "home"
    write_miracl(home, "yo", shard=1)
    write_miracl(home, "te")
    write_lines(home / "miracl/v1.0/te/docs/docs-1.jsonl.gz", [{"docid": "9#9", "title": "త", "text": "మరొకటి"}])
    write_rows(home / "mmarco/v2/german_collection.tsv", [(0, "Erster Text"), (1, "Zweiter Text"), (2, "Grüße")])
    write_rows(home / "mmarco/v2/german.queries.dev.tsv", [(7, "zweiter"), (8, "erster"), (9, "dritter")])
    write_rows(home / "mmarco/qrels.dev.small.tsv", [(9, 0, 2, 1), (7, 0, 1, 1)])
    write_rows(home / "mmarco/qrels.dev.tsv", [(9, 0, 2, 1), (8, 0, 0, 1), (7, 0, 1, 1)])
    folder = home / "mr-tydi/sw.data/mrtydi-v1.0-swahili"
    contents = ["Mwezi\n\nHuzunguka dunia.\n\nHauna hewa.", "Jua\n\nNi nyota"]
    write_lines(folder / "collection/docs.jsonl.gz", [{"id": f"{i}#0", "contents": c} for i, c in enumerate(contents)])
    write_rows(folder / "topic.test.tsv", [(1, "mwezi"), (2, "nyota")])
    write_rows(folder / "qrels.test.txt", [(1, "Q0", "0#0", 1), (2, "Q0", "1#0", 1)])
    return home


def python(home: Path, code: str, **environment: str) -> Any:
    """What a new process prints last, as JSON."""
    variables = {"IR_DATASETS_HOME": str(home), "IR_DATASETS_TMP": str(home.parent / "tmp"), "PYTHONUTF8": "1"}
    variables |= {"IR_DATASETS_DL_TRIES": "1", "PYTHONPATH": str(TESTS.parent)} | environment
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        check=False,
        env=os.environ | variables,
        cwd=home.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_same_as_ir_datasets_reads(home: Path) -> None:
    pairs = python(
        home,
        """
pairs = {
    "miracl/yo/dev": [ours("miracl", "yo", "dev"), theirs("miracl/yo/dev")],
    "miracl/te/dev": [ours("miracl", "te", "dev"), theirs("miracl/te/dev")],
    "mmarco/v2/de/dev/small": [ours("mmarco", "de", "dev"), theirs("mmarco/v2/de/dev/small")],
    "mmarco/v2/de/dev": [ours("mmarco", "de", "dev-full"), theirs("mmarco/v2/de/dev")],
    "mr-tydi/sw/test": [ours("mrtydi-v1.0", "sw", "test"), theirs("mr-tydi/sw/test")],
}
print(json.dumps(pairs))
""",
    )
    for name, (found, expected) in pairs.items():
        assert found == expected, name
    assert [len(found["docs"]) for found, _ in pairs.values()] == [3, 4, 3, 3, 2]
    assert pairs["mmarco/v2/de/dev/small"][0]["queries"] == [["7", "zweiter"], ["9", "dritter"]]


def test_runs_from_the_home_and_equally_from_a_data_folder(home: Path) -> None:
    results = python(
        home,
        """
def run(task, language, data=None):
    found = bench.run(
        model="bm25", task=task, languages=[language], data=data, cache="cache", output="out", offline=True,
        allow_unpinned=True,
    )
    return found["languages"][language]

pairs = [("miracl", "yo"), ("mmarco", "de"), ("mrtydi-v1.0", "sw")]
found = [run(task, language) for task, language in pairs]
imported = "ir_datasets" in sys.modules
Path("home").rename("data")
Path("data/mrtydi").mkdir()
Path("data/mr-tydi/sw.data/mrtydi-v1.0-swahili").rename("data/mrtydi/mrtydi-v1.0-swahili")
again = [run(task, language, "data") for task, language in pairs]
print(json.dumps([found, again, imported]))
""",
    )
    found, again, imported = results
    assert found == again
    assert [block["fingerprint"] for block in found] == [block["fingerprint"] for block in again]
    assert [block["documents"] for block in found] == [3, 3, 2]
    assert not imported  # Files that are there need no ir_datasets.


def test_a_missing_shard_of_the_home_is_missing_not_skipped(home: Path) -> None:
    (home / "miracl/v1.0/te/docs/docs-1.jsonl.gz").unlink()
    message, home_made = python(
        home,
        """
try:
    ours("miracl", "te", "dev")
except BenchError as error:
    print(json.dumps([str(error), "ir_datasets" in sys.modules]))
""",
    )
    assert message == (
        f"miracl, te: no miracl/v1.0/te/docs/docs-1.jsonl.gz (plain or .gz) in {home}, and no --data folder was given; "
        "--offline forbids to fetch it: put it there (bench tasks fetch miracl --lang te)"
    )
    assert not home_made


def test_a_store_that_has_grown_stale_is_not_read(home: Path) -> None:
    stale, fresh = python(
        home,
        """
import ir_datasets, gzip
data = ir_datasets.load("miracl/yo/dev")
data.docs_store().get("7#0")
row = {"docid": "1#1", "title": "", "text": "new"}
with gzip.open("home/miracl/v1.0/yo/docs/docs-1.jsonl.gz", "wt") as file:
    file.write(json.dumps(row))
print(json.dumps([theirs("miracl/yo/dev")["docs"], ours("miracl", "yo", "dev")["docs"]]))
""",
    )
    assert (len(stale), fresh) == (3, [["1#1", "new"]])


def test_ir_datasets_fetches_what_is_missing(home: Path, test_data: Path) -> None:
    """From its folder of downloads by md5, which it takes before the network: the real Yoruba topics and judgments."""
    for part in ("topics", "qrels"):
        plain = gunzip(test_data / "miracl" / f"{part}.miracl-v1.0-yo-dev.tsv.gz", home / "plain")
        digest = hashlib.md5(plain.read_bytes()).hexdigest()
        (home / "downloads").mkdir(exist_ok=True)
        plain.rename(home / "downloads" / digest)
        (home / f"miracl/v1.0/yo/dev/{part}.tsv").unlink()
    found = python(
        home,
        'print(json.dumps(ours("miracl", "yo", "dev", offline=False)))',
        IR_DATASETS_SMALL_FILE_SIZE="0",
    )
    assert (len(found["queries"]), len(found["qrels"])) == (119, 1_188)
    assert (home / "miracl/v1.0/yo/dev/topics.tsv").is_file()


def test_what_cannot_be_fetched_is_said(home: Path) -> None:
    (home / "miracl/v1.0/yo/dev/qrels.tsv").unlink()
    code, message = python(
        home,
        """
try:
    ours("miracl", "yo", "dev", offline=False)
except BenchError as error:
    print(json.dumps([error.exit_code, str(error)]))
""",
    )
    assert code == 3
    assert message.startswith("miracl, yo: ir_datasets cannot fetch miracl v1.0/yo/dev/qrels: ")
    assert message.endswith("; try again, or put the file under --data")
    assert not list(home.rglob("*.tmp"))
