"""`bench run` with something wrong: folders of its own, a look that nothing is lost or half-written, and bad models."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call

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
    assert {"mini/bm25.json", "mini/bm25.parquet"} <= set(states(bench.board))
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
