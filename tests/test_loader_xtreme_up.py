"""XTREME-UP's original files: layouts, ids made of lines, gold passages that are shared, and the cut at ten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy
from originals import Known, write, write_lines

import bench
from bench.collection import Passage, Query
from bench.errors import InputError, MissingError
from bench.formats.xtreme_up import prediction_lines
from bench.loaders import open_source
from bench.loaders.xtreme_up import XtremeUp
from bench.places import Places
from bench.ranking import rank
from bench.registry import Registry
from bench.task import Task

pytestmark = pytest.mark.usefixtures("offline")

LANGUAGES = "as bho brx gbm gom gu hi hne kn mai ml mni mr mwr or pa ps sa ta ur"
POOL = [{"id": f"p{i}", "title": f"Title {i}", "context": f"context number{i}"} for i in range(1, 13)]
# The gold passage of two questions is the same; ids may be numbers; blank lines are skipped.
BHOJPURI = [("p3", "सवाल number3 का ह?"), ("p3", "दूसर सवाल number3"), ("p11", "number11 कहाँ?")]
ODIA = [("p12", "number12 କେଉଁଠି?")]


def questions(rows: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"id": gold, "title": "t", "context": "c", "question": text} for gold, text in rows]


def write_up(
    data: Path, root: str = "", split: str = "test", pool: Sequence[Mapping[str, Any]] = POOL, ending: str = ""
) -> Path:
    folder = data / "xtreme-up" / root / "retrieval_cross_lang"
    write_lines(folder / f"index.jsonl{ending}", pool)
    bhojpuri = [json.dumps(row, ensure_ascii=False) for row in questions(BHOJPURI)]
    write(folder / f"{split}/bho.jsonl{ending}", bhojpuri[0] + "\n\n" + "\n".join(bhojpuri[1:]) + "\n")
    write_lines(folder / f"{split}/or.jsonl{ending}", questions(ODIA))
    return data


@pytest.fixture
def up() -> Task:
    return Registry().task("xtreme-up")


def opened(task: Task, data: Path, language: str = "bho", split: str = "test") -> XtremeUp:
    source = open_source(task, language, split, Places(data, data / "cache", offline=True))
    assert isinstance(source, XtremeUp)
    return source


def measured(tmp_path: Path, model: Any, **options: Any) -> dict[str, Any]:
    settings = {"languages": ["bho", "or"], "allow_unpinned": True, "offline": True, "cache": tmp_path / "cache"}
    return bench.run(model, "xtreme-up", **{"data": tmp_path, **settings, **options})


def test_the_card_has_the_twenty_languages(up: Task) -> None:
    assert list(up.languages) == LANGUAGES.split(" ")
    assert {row.documents for row in up.languages.values()} == {112_426}
    assert (up.pins["documents"].strength, up.pins["queries"].strength) == ("soft", "none")
    assert up.measures[0] == "MRR@10"
    assert {up.document_language(code) for code in up.languages} == {"en"}


@pytest.mark.parametrize("root", ["", "xtreme_up_v1.1", "any name"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_any_root_folder_plain_or_gzipped(root: str, ending: str, up: Task, tmp_path: Path) -> None:
    source = opened(up, write_up(tmp_path, root, ending=ending))
    assert [p.id for p in source.passages()] == [row["id"] for row in POOL]
    assert next(source.passages()) == Passage("p1", "Title 1", "context number1")
    assert source.queries()[2] == Query("bho:3", "number11 कहाँ?")
    names = [name for name, _ in source.files]
    assert names == ["xtreme-up/retrieval_cross_lang/index.jsonl", "xtreme-up/retrieval_cross_lang/test/bho.jsonl"]


def test_ids_of_queries_count_the_lines_that_are_not_blank(up: Task, tmp_path: Path) -> None:
    source = opened(up, write_up(tmp_path))
    assert [query.id for query in source.queries()] == ["bho:1", "bho:2", "bho:3"]
    assert source.qrels() == {"bho:1": {"p3": 1}, "bho:2": {"p3": 1}, "bho:3": {"p11": 1}}


@pytest.mark.parametrize("folder", ["validation", "dev"])
def test_validation_may_be_called_dev(folder: str, up: Task, tmp_path: Path) -> None:
    assert len(opened(up, write_up(tmp_path, split=folder), split="validation").queries()) == 3


def test_ids_may_be_numbers(up: Task, tmp_path: Path) -> None:
    write_up(tmp_path, pool=[{"id": 7, "title": "T", "context": "C"}])
    write_lines(tmp_path / "xtreme-up/retrieval_cross_lang/test/bho.jsonl", [{"id": 7, "question": "सवाल"}])
    source = opened(up, tmp_path)
    assert [p.id for p in source.passages()] == ["7"]
    assert source.qrels() == {"bho:1": {"7": 1}}


def test_bm25_end_to_end(tmp_path: Path) -> None:
    result = measured(write_up(tmp_path, "xtreme_up_v1.1"), "bm25")
    bhojpuri = result["languages"]["bho"]
    assert (bhojpuri["MRR@10"], bhojpuri["nDCG@10"], bhojpuri["queries"], bhojpuri["judged"]) == (1.0, 1.0, 3, 3)
    assert (result["languages"]["or"]["MRR@10"], result["languages"]["or"]["documents"]) == (1.0, 12)
    assert (result["mean"]["MRR@10"], result["mean"]["languages"], result["mean"]["of"]) == (1.0, 2, 20)
    assert result["pins"] == "unchecked"
    notes = result["notes"]
    assert "xtreme-up, bho: queries 3, judgments 3: nothing sure to compare with" in notes
    assert "xtreme-up, bho: documents: the card says 112426, found 12 (a soft pin)" in notes
    assert result["subsets"]["or"] == {"query": "or", "document": "en"}


def test_a_soft_pin_keeps_nothing_from_a_board(tmp_path: Path) -> None:
    result = measured(write_up(tmp_path), "bm25", allow_unpinned=False, board=tmp_path / "board")
    assert Path(result["entry"]).is_file()


def test_rank_eleven_scores_nothing_and_every_query_ranks_the_whole_pool(tmp_path: Path) -> None:
    order = [f"p{i}" for i in range(1, 13)]
    tenth = [*order[:2], *order[3:10], "p12", "p3", "p11"]  # p3 at rank 11, after ten others
    known = Known({"bho:1": tenth, "bho:2": order, "bho:3": order, "or:1": order})
    result = measured(write_up(tmp_path), known, output=tmp_path / "out")
    # bho:1 has its passage at rank 11, bho:2 at rank 3, bho:3 at rank 11; or:1 at rank 12.
    assert tenth.index("p3") == 10
    assert order.index("p11") == 10
    assert result["languages"]["bho"]["MRR@10"] == pytest.approx(1 / 9, abs=0)
    assert result["languages"]["bho"]["R@100"] == 1.0
    assert result["languages"]["or"]["MRR@10"] == 0.0
    assert result["k"] == 100


def test_the_pool_is_encoded_once_for_all_languages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = measured(write_up(tmp_path), toy.Toy(log))
    assert result["vectors"] == {"encoded": 12 + 4, "reused": 12}
    assert sum(len(texts) for side, texts in toy.logged(log) if side == "document") == 12


def test_a_gold_passage_outside_the_pool_is_refused_with_the_number(tmp_path: Path) -> None:
    write_up(tmp_path, pool=[row for row in POOL if row["id"] not in ("p3", "p11")])
    with pytest.raises(MissingError, match="the qrels name 2 documents that the corpus lacks, the first 'p11'"):
        measured(tmp_path, "bm25", languages=["bho"], allow_unpinned=False)


def test_repeated_ids_are_refused_with_their_number(tmp_path: Path) -> None:
    write_up(tmp_path, pool=[*POOL, POOL[4], POOL[4], POOL[0]])
    with pytest.raises(MissingError) as caught:
        measured(tmp_path, "bm25", languages=["bho"])
    expected = (
        "index.jsonl:13: 3 passages have an id that another has before them, the first 'p5'; version 1.0 of the "
        "archive had such repeats: get version 1.1"
    )
    assert str(caught.value).endswith(expected)


def test_what_is_missing_is_named(up: Task, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"unpack https://storage.*v1\.1\.jsonl\.tgz below <data>/xtreme-up"):
        opened(up, tmp_path)
    with pytest.raises(MissingError, match="no --data folder was given"):
        open_source(up, "bho", "test", Places(None, tmp_path, offline=True))
    write_up(tmp_path)
    with pytest.raises(MissingError, match=r"xtreme-up, as: no test/as\.jsonl or test/as\.jsonl\.gz in"):
        opened(up, tmp_path, "as")
    (tmp_path / "xtreme-up/retrieval_cross_lang/index.jsonl").unlink()
    with pytest.raises(MissingError, match=r"xtreme-up, bho: no index\.jsonl or index\.jsonl\.gz in"):
        opened(up, tmp_path)


def test_a_language_without_its_file_is_listed_as_missing(tmp_path: Path) -> None:
    result = measured(write_up(tmp_path), "bm25", languages=["bho", "as"])
    assert (list(result["languages"]), result["partial"]) == (["bho"], "1/20")
    assert "as" in result["missing"]


def test_two_copies_are_one_too_many(up: Task, tmp_path: Path) -> None:
    write_up(tmp_path, "v1.0")
    with pytest.raises(InputError, match=r"v1\.0/retrieval_cross_lang and .*v1\.1/retrieval_cross_lang: leave one"):
        opened(up, write_up(tmp_path, "v1.1"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "p1"}', ":1: expected a text under 'question', found null"),
        ('{"question": "?"}', ":1: expected a text under 'id', found null"),
        ('{"id": "p1", "question": ', ":1: not JSON"),
        ("[1]", ":1: expected a JSON object, found list"),
    ],
)
def test_a_faulty_line_is_named(line: str, message: str, up: Task, tmp_path: Path) -> None:
    write_up(tmp_path)
    write(tmp_path / "xtreme-up/retrieval_cross_lang/test/bho.jsonl", line + "\n")
    with pytest.raises(MissingError) as caught:
        opened(up, tmp_path).queries()
    assert f"test/bho.jsonl{message}" in str(caught.value)


def test_a_prediction_file_has_a_line_a_question_and_ten_ids_at_most() -> None:
    queries = [Query("bho:1", "a"), Query("bho:2", "b"), Query("bho:3", "c")]
    docs = [f"p{i}" for i in range(1, 13)]
    run = {
        "bho:3": rank(["p1", "é"], [0.5, 0.9]),
        "bho:1": rank(docs, list(range(12, 0, -1))),
        "x": rank(["p1"], [1.0]),
    }
    lines = prediction_lines(queries, run).splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == [docs[:10], [], ["é", "p1"]]
    assert lines[2] == '{"prediction": ["é", "p1"]}'
