"""`bench check`: exit codes, what is compared and what cannot be, noise floors, releases, speed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from boards import MEASURE, store
from checks import GOOD, WORSE, forget_github, found, run
from console import call, heavy_imports

from bench.leaderboard.releases import make_release


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_github(monkeypatch)


def test_a_drop_is_exit_1_and_none_is_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD, "y": GOOD})
    store(tmp_path / "after", "m", {"x": GOOD, "y": GOOD}, weights="other")
    assert run(capsys, tmp_path).code == 0
    shutil.rmtree(tmp_path / "after")
    store(tmp_path / "after", "m", {"x": WORSE, "y": GOOD}, weights="other")
    outcome = run(capsys, tmp_path, "--json")
    assert outcome.code == 1
    x, y = found(outcome)["findings"]
    assert (x["language"], x["failed"], x["p"], x["p_holm"]) == ("x", True, 2**-10, 2**-9)
    assert (x["baseline"], x["candidate"], x["difference"]) == (1.0, 0.95, pytest.approx(-0.05))
    assert (y["failed"], y["difference"]) == (False, 0.0)
    table = run(capsys, tmp_path)
    assert re.search(r"x +1\.0000 +0\.9500 +-0\.0500 +0\.002 +\S+ +dropped", table.out)
    assert table.out.splitlines()[-1].startswith("2 languages of 1 systems checked, 1 dropped; ")
    for options in (("--min-effect", 0.06), ("--alpha", 0.001), ("--lang", "y")):
        assert run(capsys, tmp_path, *options).code == 0


def test_it_says_blind_where_a_drop_of_five_hundredths_would_not_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("before", "after"):
        store(tmp_path / side, "m", {"few": [1.0] * 40, "many": [1.0] * 2000})
    outcome = run(capsys, tmp_path)
    assert outcome.code == 0
    verdicts = {line.split()[0]: line.split()[-2:] for line in outcome.out.splitlines() if "1.0000" in line}
    assert verdicts["few"][1] == "blind" and float(verdicts["few"][0]) > 0.05
    assert verdicts["many"][1] == "ok" and float(verdicts["many"][0]) < 0.01
    assert "1 blind" in outcome.out


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (None, {"x": GOOD}, "no such folder"),
        ({"x": GOOD}, {"x": GOOD[:-1]}, "1 queries of the baseline are missing in the candidate, the first 'q099'"),
        ({"x": GOOD[:-2]}, {"x": GOOD}, "2 queries of the candidate are missing in the baseline, the first 'q098'"),
        ({"x": GOOD, "y": GOOD}, {"x": GOOD}, "m on t, y: the candidate has not measured this language"),
    ],
)
def test_what_cannot_be_compared_is_exit_3(
    before: Any, after: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if before:
        store(tmp_path / "before", "m", before)
    store(tmp_path / "after", "m", after)
    outcome = run(capsys, tmp_path)
    assert (outcome.code, message in outcome.err) == (3, True), outcome.err


def test_a_drop_beside_a_problem_is_exit_3_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD, "y": GOOD})
    store(tmp_path / "after", "m", {"x": WORSE})
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "dropped" in outcome.out) == (3, True)


def test_nothing_in_common_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    store(tmp_path / "after", "n", {"x": GOOD})
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "no task and model in common" in outcome.err) == (3, True)
    store(tmp_path / "after", "m", {"x": GOOD}, task="u")
    assert run(capsys, tmp_path).code == 3
    store(tmp_path / "after", "m", {"x": GOOD}, fingerprint="other")
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "the fingerprints differ" in outcome.err) == (3, True)
    store(tmp_path / "after", "m", {"x": GOOD})
    assert run(capsys, tmp_path).code == 0
    assert run(capsys, tmp_path, "--measure", "R@5").code == 3
    (tmp_path / "after" / "t" / "m.parquet").unlink()
    assert run(capsys, tmp_path).code == 3


def test_entries_of_other_models_are_noted_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    store(tmp_path / "before", "gone", {"x": GOOD})
    store(tmp_path / "after", "m", {"x": GOOD, "z": GOOD})
    store(tmp_path / "after", "new", {"x": GOOD})
    outcome = run(capsys, tmp_path)
    assert outcome.code == 0
    assert "gone on t: not in the candidate: not checked" in outcome.err
    assert "new on t: not in the baseline: nothing to compare with" in outcome.err
    assert "m on t: not in the baseline: z: nothing to compare with" in outcome.err


def test_several_entries_of_a_model_go_together_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    store(tmp_path / "after", "m", {"x": GOOD})
    store(tmp_path / "before", "m", {"x": GOOD}, bare=False, dtype="float16")
    store(tmp_path / "after", "m", {"x": WORSE}, bare=False, dtype="float16", weights="new")
    outcome = run(capsys, tmp_path, "--json")
    assert (outcome.code, [row["failed"] for row in found(outcome)["findings"]]) == (1, [False, True])
    store(tmp_path / "after", "m", {"x": WORSE}, bare=False, dtype="bfloat16")
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "which belong together is unclear" in outcome.err) == (3, True)


def test_the_scores_count_and_a_json_that_disagrees_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    path = store(tmp_path / "after", "m", {"x": WORSE})
    stated = json.loads(path.read_text())
    stated["languages"]["x"][MEASURE] = 1.0
    path.write_text(json.dumps(stated))
    outcome = run(capsys, tmp_path)
    assert outcome.code == 1
    assert "the candidate's m.json says nDCG@10 1.0, its per-query scores 0.95: the scores count" in outcome.err


def test_a_stored_noise_floor_lets_smaller_drops_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    store(tmp_path / "after", "m", {"x": WORSE})
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "no noise floor is stored (bench check --store-noise): taken as 0" in outcome.err) == (
        1,
        True,
    )
    outcome = run(capsys, tmp_path, "--store-noise")
    assert outcome.code == 0
    assert "differs by up to 0.05000" in outcome.out
    stored = json.loads((tmp_path / "before" / "t" / "noise" / "m.json").read_text())
    assert stored["differences"] == {MEASURE: {"x": pytest.approx(0.05)}}
    outcome = run(capsys, tmp_path, "--json")
    assert (outcome.code, found(outcome)["findings"][0]["noise"]) == (0, pytest.approx(0.05))
    store(tmp_path / "after", "m", {"x": WORSE}, weights="other")
    outcome = run(capsys, tmp_path, "--store-noise")
    assert (outcome.code, "not the same system" in outcome.err) == (3, True)
    store(tmp_path / "before", "m", {"x": GOOD}, weights="other")  # The floor was another identity's.
    outcome = run(capsys, tmp_path)
    assert (outcome.code, "of another identity" in outcome.err) == (1, True)


def test_results_folders_are_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    path = store(tmp_path / "x", "m", {"x": WORSE})
    folder = tmp_path / "after" / "t" / "m"
    folder.mkdir(parents=True)
    shutil.copy(path, folder / "entry.json")
    shutil.copy(path.with_suffix(".parquet"), folder / "scores.parquet")
    assert run(capsys, tmp_path).code == 1


def test_a_release_is_a_baseline_and_the_board_the_candidate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    store(board, "m", {"x": GOOD})
    make_release(board, "2026.11")
    options = ("check", "--baseline", "2026.11", "--board", board)
    assert call(capsys, *options).code == 0
    store(tmp_path / "after", "m", {"x": WORSE})
    assert call(capsys, *options, "--candidate", tmp_path / "after").code == 1
    outcome = call(capsys, "check", "--baseline", "2026.12", "--board", board)
    assert (outcome.code, "no such release" in outcome.err, "2026.11" in outcome.err) == (3, True, True)
    store(board, "m", {"x": WORSE})  # The released scores are gone, and not in superseded/.
    assert call(capsys, *options).code == 3


def test_speed_is_a_ratio_and_off_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    path = store(tmp_path / "after", "m", {"x": GOOD})
    stated = json.loads(path.read_text())
    stated["languages"]["x"]["recipe"]["seconds"]["search"] = 4.0
    path.write_text(json.dumps(stated))
    assert run(capsys, tmp_path).code == 0
    outcome = run(capsys, tmp_path, "--speed", 2)
    assert (outcome.code, "2.50 times as slow (5.0 s against 2.0 s; --speed 2)" in outcome.err) == (1, True)
    assert run(capsys, tmp_path, "--speed", 3).code == 0
    stated["languages"]["x"]["recipe"]["hardware"] = {"cpu": "y"}
    path.write_text(json.dumps(stated))
    outcome = run(capsys, tmp_path, "--speed", 2)
    assert (outcome.code, "times on other hardware are not compared" in outcome.err) == (0, True)


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "check").code == 2
    assert call(capsys, "check", "--baseline", tmp_path, "--alpha", "0").code == 2
    assert call(capsys, "check", "--baseline", tmp_path, "--measure", "nDCG").code == 2
    assert call(capsys, "check", "--baseline", tmp_path).code == 3


def test_checking_loads_no_model_library(tmp_path: Path) -> None:
    store(tmp_path, "m", {"x": GOOD})
    loaded = heavy_imports("check", "--baseline", tmp_path, "--candidate", tmp_path)
    assert set(loaded) <= {"pyarrow", "scipy", "pandas"}
