"""Questions' texts on a board: those of the source, by language, for tasks whose card lets texts be shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from console import Outcome, call
from owntask import QUERIES, write_own

from bench import api
from bench.entry import Entry
from bench.errors import InputError
from bench.foreign_run import Foreign, add_run
from bench.judgments import Judgments
from bench.leaderboard import EntryFiles
from bench.leaderboard.add import add_results
from bench.leaderboard.questions import Question, keep_questions
from bench.leaderboard.verify import verify
from bench.places import Places
from bench.registry import Registry

SOURCE = Path(__file__).parents[1] / "tasks" / "mini"
FILE = "mini/questions.parquet"
Table = dict[str, list[Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of bm25 on two languages of mini, with the board they went to."""
    folder = tmp_path_factory.mktemp("made")
    api.run("bm25", "mini", ["sw", "en"], cache=folder / "cache", board=folder / "board", output=folder / "results")
    return folder


@pytest.fixture
def board(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "board", tmp_path / "board")
    return tmp_path / "board"


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    return partial(call, capsys)


def known() -> Judgments:
    return Judgments(Registry(), Places(None, Path("nowhere"), offline=True), judged=False)


def asked(*languages: str) -> list[dict[str, str]]:
    """The questions of the collection as its own files have them, by language and id."""
    found = []
    for language in languages:
        lines = (SOURCE / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
        for passage in map(json.loads, lines):
            for number, text in enumerate(passage["questions"], start=1):
                found.append({"language": language, "query": f"{passage['id']}-{number}", "text": text})
    return sorted(found, key=lambda row: (row["language"], row["query"]))


def test_a_run_leaves_the_questions_of_its_languages(made: Path) -> None:
    for file in (made / "board" / FILE, made / "results" / "mini" / "bm25" / "questions.parquet"):
        assert pq.read_table(file).to_pylist() == asked("en", "sw")


def test_results_bring_their_questions_to_another_board(made: Path, tmp_path: Path) -> None:
    add_results(tmp_path, [made / "results"], known())
    assert (tmp_path / FILE).read_bytes() == (made / "board" / FILE).read_bytes()
    assert verify(tmp_path, known()).faults == []
    other = tmp_path / "other"
    add_results(other, [made / "results"])  # Without its card nobody knows whether texts may be shown.
    assert (other / "mini" / "bm25.json").exists()
    assert not (other / FILE).exists()


def test_added_results_are_looked_at_with_their_questions(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "results", tmp_path / "results")
    edit(tmp_path / "results" / "mini" / "bm25" / "questions.parquet", lambda table: table["query"].reverse())
    with pytest.raises(InputError, match=r"questions\.parquet: questions: the rows are not sorted"):
        add_results(tmp_path / "board", [tmp_path / "results"], known())


def test_a_run_of_another_system_brings_them_too(made: Path, tmp_path: Path) -> None:
    run = made / "results" / "mini" / "bm25" / "sw.trec.gz"
    foreign = Foreign(Registry().task("mini"), "test", "sw", "theirs", run)
    add_run(tmp_path, foreign, Places(None, tmp_path / "cache", offline=True))
    assert pq.read_table(tmp_path / FILE).to_pylist() == asked("sw")


def test_none_are_kept_where_the_card_does_not_let_texts_be_shown(bench: Any, tmp_path: Path) -> None:
    for shown in (False, True):
        arguments = write_own(tmp_path, texts_may_be_shown=shown)
        assert bench("run", *arguments, "--board", tmp_path / "board", "--quiet").code == 0
        assert bool(list(tmp_path.rglob("questions.parquet"))) is shown
    held = pq.read_table(tmp_path / "board" / "mine" / "questions.parquet").to_pylist()
    assert [(row["query"], row["text"]) for row in held] == sorted(QUERIES)
    outcome = bench("board", "verify", "--board", tmp_path / "board", "--cards", tmp_path / "cards")
    assert outcome.code == 0, outcome.out
    write_own(tmp_path, texts_may_be_shown=False)
    outcome = bench("board", "verify", "--board", tmp_path / "board", "--cards", tmp_path / "cards")
    assert "mine/questions.parquet: questions: the card of mine does not say that texts may be shown" in outcome.out


def test_they_grow_to_the_same_bytes_in_whatever_order(tmp_path: Path) -> None:
    rows = [Question("sw", "2", "b"), Question("en", "2", "d"), Question("en", "1", "half \ud800")]
    for name, order in (("one", rows), ("other", rows[::-1])):
        files = EntryFiles(tmp_path / name / "mini" / "x.json", tmp_path / "x.parquet", tmp_path / name)
        for row in order:
            keep_questions(files, [row])
    one, other = ((tmp_path / name / FILE) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert pq.read_table(one).column("text").to_pylist() == ["half ?", "d", "b"]
    before = one.stat().st_mtime_ns, one.stat().st_ino
    keep_questions(EntryFiles(one, one, tmp_path / "one"), rows[:2])
    assert (one.stat().st_mtime_ns, one.stat().st_ino) == before


def test_no_entry_takes_their_name() -> None:
    identity = {"task": "mini", "split": "test", "model": "questions"}
    entry = Entry(identity, True, ("nDCG@10",), ("en",), {})
    assert entry.stem == f"questions--{entry.hex}"


# --- planted damage, one test a kind


def edit(path: Path, change: Callable[[Table], Any]) -> None:
    table = pq.read_table(path).to_pydict()
    change(table)
    pq.write_table(pa.table({name: pa.array(cells, pa.string()) for name, cells in table.items()}), path)


def _appended(language: str, query: str, text: str) -> Callable[[Table], Any]:
    def change(table: Table) -> None:
        for name, cell in (("language", language), ("query", query), ("text", text)):
            table[name].append(cell)

    return change


def _doubled(table: Table) -> None:
    for cells in table.values():
        cells.insert(0, cells[0])


def _emptied(table: Table) -> None:
    for cells in table.values():
        cells.clear()


def _turned(table: Table) -> None:
    for cells in table.values():
        cells.reverse()


DAMAGE: dict[str, tuple[Callable[[Table], Any], str]] = {
    "another column": (lambda t: t.update(score=t["query"]), "not questions: expected texts language, query, text"),
    "a column gone": (lambda t: t.pop("text"), "not questions: expected texts language, query, text"),
    "a query twice": (_doubled, "en: the query 'amazon-1' stands there twice"),
    "no rows": (_emptied, "there are none"),
    "an empty cell": (lambda t: t["text"].__setitem__(3, None), "there are empty cells"),
    "a blank text": (lambda t: t["text"].__setitem__(3, " \n"), "there are empty cells"),
    "another order": (_turned, "the rows are not sorted"),
    "a query that no entry has": (
        _appended("sw", "zzz", "?"),
        "1 queries that no entry of the task has, the first 'zzz' of sw",
    ),
    "a language that no entry has": (
        _appended("th", "nile-1", "?"),
        "1 queries that no entry of the task has, the first 'nile-1' of th",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(board: Path, name: str) -> None:
    assert verify(board, known()).faults == []
    change, message = DAMAGE[name]
    edit(board / FILE, change)
    (fault,) = verify(board, known()).faults
    assert (fault.file, fault.check) == (FILE, "questions")
    assert fault.message.startswith(message)


def test_a_broken_file_is_found(board: Path) -> None:
    (board / FILE).write_bytes((board / FILE).read_bytes()[:-20])
    (fault,) = verify(board, known()).faults
    assert (fault.file, fault.check) == (FILE, "questions")
    assert fault.message.startswith("cannot read the questions")


def test_a_file_without_entries_is_found(board: Path) -> None:
    (board / "other").mkdir()
    shutil.copy(board / FILE, board / "other")
    (fault,) = verify(board, known()).faults
    assert (fault.file, fault.check) == ("other/questions.parquet", "questions")
    assert "144 queries that no entry" in fault.message
