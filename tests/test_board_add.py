"""`bench board add`: results of other machines join a board after the checks of verify, and runs of other systems too."""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytrec_eval

from bench import api
from bench.cli import _code
from bench.errors import InputError, MissingError
from bench.judgments import Judgments
from bench.leaderboard import entries, read_entry
from bench.leaderboard.add import add_results, result_folders
from bench.leaderboard.releases import make_release, read_release, scores_of
from bench.leaderboard.verify import verify
from bench.perquery import read_rows
from bench.places import Places
from bench.registry import Registry

SHARES = (["ar", "en"], ["sw"], ["th", "zh"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of bm25 on mini, three folders with languages of their own, and a board where all were measured at once."""
    folder = tmp_path_factory.mktemp("made")
    for i, share in enumerate(SHARES):
        api.run("bm25", "mini", share, cache=folder / "cache", output=folder / f"part{i}")
    together = [language for share in SHARES for language in share]
    api.run("bm25", "mini", together, cache=folder / "cache", output=folder / "whole", board=folder / "board")
    return folder


def part(made: Path, number: int, to: Path) -> Path:
    """A copy of a result folder, for damage."""
    return Path(shutil.copytree(made / f"part{number}" / "mini" / "bm25", to / "result"))


def known() -> Judgments:
    return Judgments(Registry(), Places(None, Path("nowhere"), offline=True))


def numbers(board: Path) -> dict[str, Any]:
    (path, entry), *rest = entries(board)
    assert rest == []
    return {"numbers": entry.numbers, "rows": sorted(read_rows(path.with_suffix(".parquet"))), "id": entry.hex}


def test_parts_make_the_whole(made: Path, tmp_path: Path) -> None:
    for i in (2, 0, 1):
        added, unread = add_results(tmp_path, [made / f"part{i}" / "mini" / "bm25"], known())
        assert [one.languages for one in added] == [tuple(SHARES[i])]
        assert unread == []
    assert numbers(tmp_path) == numbers(made / "board")
    assert verify(tmp_path, known()).faults == []


def test_a_folder_of_results_is_added_as_a_whole_and_twice_changes_nothing(made: Path, tmp_path: Path) -> None:
    add_results(tmp_path, [made / "whole"], known())
    assert numbers(tmp_path) == numbers(made / "board")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix in (".json", ".parquet")}
    add_results(tmp_path, [made / "part0", made / "whole"], known())
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_folders_without_results(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no entry\.json in it or below it"):
        result_folders([tmp_path])


def test_a_note_explains_all_that_is_added(made: Path, tmp_path: Path) -> None:
    add_results(tmp_path, [made / "part1"], known(), "looked at by hand")
    (_, entry) = entries(tmp_path)[0]
    assert {block["note"] for block in entry.languages.values()} == {"looked at by hand"}
    with pytest.raises(InputError, match="--note: "):
        add_results(tmp_path, [made / "part0"], known(), "a\tb")
    assert list(read_entry(tmp_path / "mini" / "bm25.json").languages) == ["sw"]


# --- what is refused, and then nothing is added


def damaged(folder: Path, how: str) -> None:
    entry, scores, run = folder / "entry.json", folder / "scores.parquet", folder / "en.trec.gz"
    value = json.loads(entry.read_text(encoding="utf-8"))
    if how == "edited":
        value["languages"]["en"]["nDCG@10"] = 1.0
        entry.write_text(json.dumps(value))
    elif how == "scores of another":
        shutil.copy(folder.parent / "other.parquet", scores)
    elif how == "no scores":
        scores.unlink()
    elif how == "another run":
        lines = gzip.decompress(run.read_bytes()).decode().splitlines()
        run.write_text("\n".join(f"{q} {z} {d} 1 {-float(s)} t" for q, z, d, _, s, _ in map(str.split, lines)) + "\n")
    elif how == "newer":
        entry.write_text(json.dumps(value | {"format": 2}))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("edited", "checksum: the entry was edited after it was written"),
        ("scores of another", "en: no per-query scores"),
        ("no scores", "scores missing: scores.parquet is not there"),
        ("another run", "run: en: nDCG@10: "),
        ("newer", "format: expected 1, found 2"),
    ],
)
def test_damaged_results_are_refused_whole(made: Path, tmp_path: Path, how: str, message: str) -> None:
    folder = part(made, 0, tmp_path / "in")
    shutil.copy(made / "part1" / "mini" / "bm25" / "scores.parquet", folder.parent / "other.parquet")
    damaged(folder, how)
    with pytest.raises(InputError) as caught:
        add_results(tmp_path / "board", [made / "part1", folder], known())
    assert str(caught.value).startswith("nothing was added:\n")
    assert message in str(caught.value)
    assert not (tmp_path / "board").exists()


def test_a_sample_may_not_enter(tmp_path: Path) -> None:
    api.run("bm25", "mini", ["en"], limit_docs=10, cache=tmp_path / "c", output=tmp_path / "o")
    with pytest.raises(InputError, match="not for boards: a sample"):
        add_results(tmp_path / "board", [tmp_path / "o"], known())


# --- releases stay whole


def test_what_a_release_names_is_kept_when_other_numbers_come(made: Path, tmp_path: Path) -> None:
    add_results(tmp_path, [made / "part0"], known())
    make_release(tmp_path, "1")
    frozen = sorted(read_rows(tmp_path / "mini" / "bm25.parquet"))
    path = tmp_path / "mini" / "bm25.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"]["en"]["judged"] += 1  # As if it had been measured otherwise.
    path.write_text(json.dumps(value))
    add_results(tmp_path, [made / "part0"], known())
    (row,) = read_release(tmp_path, "1").entries
    assert sorted(read_rows(scores_of(tmp_path, row))) == frozen


# --- several writers


def _add(board: Path, folders: list[Path], start: Any) -> None:
    start.wait()
    for folder in folders:
        add_results(board, [folder])


def test_processes_that_add_to_one_entry_lose_nothing(made: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    shares = [[made / "part0", made / "part1"], [made / "part2", made / "part1"]]
    workers = [context.Process(target=_add, args=(tmp_path / "board", share, start)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=240)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert numbers(tmp_path / "board") == numbers(made / "board")
    assert verify(tmp_path / "board", known()).faults == []


# --- runs of other systems


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A run of another system: that of bm25 the other way round, plain."""
    lines = gzip.decompress((made / "whole" / "mini" / "bm25" / "en.trec.gz").read_bytes()).decode().splitlines()
    path = tmp_path / "theirs.txt"
    path.write_text("".join(f"{q} Q0 {d} 0 {-float(s)} theirs\n" for q, _, d, _, s, _ in map(str.split, lines)))
    return path


def qrels_of(language: str) -> dict[str, dict[str, int]]:
    card = Registry().task("mini")
    qrels = known().qrels(card, card.split, language)
    assert qrels is not None
    return qrels


def test_a_run_is_scored_as_trec_eval_scores_it_and_says_what_it_is(run: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    command = ["board", "add", "--board", str(board), "--cache", str(tmp_path / "c"), "--offline", "--k", "100"]
    assert _code([*command, "--run", str(run), "--task", "mini", "--lang", "en", "--model", "Their Engine 2"]) == 0
    ((path, entry),) = entries(board)
    assert path.name == f"-run-their-engine-2---{entry.hex}.json"
    assert entry.identity["model"] == "'run:Their Engine 2'"
    assert entry.identity["system"] == {"run": "Their Engine 2"}
    assert (entry.bare, entry.missing[:1]) == (False, ["ar"])
    block = entry.languages["en"]
    assert block["recipe"]["run"]["sha256"] == hashlib.sha256(run.read_bytes()).hexdigest()
    found: dict[str, dict[str, float]] = {}
    for line in run.read_text().splitlines():
        query, _, doc, _, score, _ = line.split()
        found.setdefault(query, {})[doc] = float(score)
    theirs = pytrec_eval.RelevanceEvaluator(qrels_of("en"), {"ndcg_cut.10"}).evaluate(found)
    rows = {r.query: r.value for r in read_rows(path.with_suffix(".parquet")) if r.measure == "nDCG@10"}
    assert rows == pytest.approx({q: theirs.get(q, {}).get("ndcg_cut_10", 0.0) for q in qrels_of("en")}, abs=1e-12)
    assert (block["documents"], block["pins"]) == (24, "match")
    done = verify(board, known())
    assert done.faults == []


def test_a_run_beside_measured_systems_is_told_apart(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    command = ["board", "add", "--board", str(board), "--cache", str(tmp_path / "c"), "--offline", "--k", "100"]
    assert _code([*command, "--run", str(run), "--task", "mini", "--lang", "en", "--model", "bm25", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["model"], told["kind"], told["added"], told["index"]) == ("run:bm25", "measured", ["en"], None)
    assert told["origin"] == {
        "source": "a run of another system",
        "system": "bm25",
        "runs": {"en": told["origin"]["runs"]["en"]},
    }
    assert told["notes"][0].startswith("a run of another system, scored here")


def test_another_run_of_the_same_name_is_refused_unless_it_is_to_replace(run: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    command = ["board", "add", "--board", str(board), "--cache", str(tmp_path / "c"), "--offline", "--k", "100"]
    command += ["--task", "mini", "--lang", "en", "--model", "x"]
    assert _code([*command, "--run", str(run)]) == 0
    assert _code([*command, "--run", str(run)]) == 0, "the same run again"
    other = tmp_path / "other.txt"
    other.write_text(run.read_text().replace(" -", " "))
    assert _code([*command, "--run", str(other)]) == 2
    before = entries(board)[0][1].languages["en"]["recipe"]["run"]["sha256"]
    assert before == hashlib.sha256(run.read_bytes()).hexdigest()
    assert _code([*command, "--run", str(other), "--replace"]) == 0
    after = entries(board)[0][1].languages["en"]["recipe"]["run"]["sha256"]
    assert after == hashlib.sha256(other.read_bytes()).hexdigest()


def test_judgments_from_a_file_leave_the_data_unseen_and_the_result_unranked(run: Path, tmp_path: Path) -> None:
    from bench.leaderboard.standings import standings

    board, qrels = tmp_path / "board", tmp_path / "qrels.txt"
    qrels.write_text("".join(f"{q} 0 {d} {label}\n" for q, row in qrels_of("en").items() for d, label in row.items()))
    command = [
        "board",
        "add",
        "--board",
        str(board),
        "--cache",
        str(tmp_path / "c"),
        "--qrels",
        str(qrels),
        "--k",
        "100",
    ]
    assert _code([*command, "--run", str(run), "--task", "mini", "--lang", "en", "--model", "x"]) == 0
    block = entries(board)[0][1].languages["en"]
    assert (block["fingerprint"], block["documents"], block["pins"]) == (None, None, "unchecked")
    assert block["recipe"]["run"]["qrels"] == hashlib.sha256(qrels.read_bytes()).hexdigest()
    assert verify(board, known()).faults == []
    assert standings(board)[0]["unranked"] == "partial 1/18"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ("strange", ["--k", "100", "--lang", "en"], "1 of its documents are not in mini, en, the first 'nowhere'"),
        ("nothing", ["--lang", "en", "--lang", "sw"], "1 runs and 2 languages"),
        ("empty", ["--lang", "en"], "there is no result in it"),
        ("shallow", ["--lang", "en"], "at most 3 documents a query, and nDCG@10 looks at 10: give --k"),
        ("others", ["--lang", "en", "--k", "100"], "it has results for none of the"),
        ("nothing", ["--lang", "en", "--k", "5"], "--k says 5"),
        ("nothing", ["--lang", "xx"], "unknown language 'xx'"),
    ],
)
def test_runs_that_cannot_be_scored(
    run: Path, tmp_path: Path, change: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run.read_text().splitlines(keepends=True)
    if change == "empty":
        run.write_text("# nothing\n")
    elif change == "shallow":
        seen: dict[str, list[str]] = {}
        for line in lines:
            seen.setdefault(line.split()[0], []).append(line)
        run.write_text("".join(line for own in seen.values() for line in own[:3]))
    elif change == "strange":
        run.write_text(run.read_text() + f"{lines[0].split()[0]} Q0 nowhere 1 -9 t\n")
    elif change == "others":
        run.write_text("".join(f"other-{line}" for line in lines))
    command = ["board", "add", "--board", str(tmp_path / "board"), "--cache", str(tmp_path / "c"), "--offline"]
    code = _code([*command, "--run", str(run), "--task", "mini", "--model", "x", *options])
    assert (code, message in capsys.readouterr().err) == (2, True)
    assert not (tmp_path / "board").exists()


def test_what_goes_with_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ([], "give folders with results, or --run FILE"),
        ([str(tmp_path), "--run", "x"], "give folders with results, or --run FILE"),
        ([str(tmp_path), "--task", "mini"], "--task goes with --run"),
        (["--run", "x", "--task", "mini"], "--run needs --lang"),
    ):
        assert _code(["board", "add", "--board", str(tmp_path / "b"), *arguments]) == 2
        assert message in capsys.readouterr().err
