"""`bench check`: exit codes, files for continuous integration, and names that try to be more than names."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from boards import MEASURE, store
from console import Outcome, call, heavy_imports

from bench.formats.github import annotation, disarmed
from bench.formats.junit import Case, Suite, junit_report
from bench.formats.markdown import markdown_table, plain_cell
from bench.leaderboard.releases import make_release

GOOD = [1.0] * 100
WORSE = [1.0] * 90 + [0.5] * 10  # .05 less; p = 2 ** -10
# All that XML, Markdown, a terminal, and the log of GitHub Actions would obey.
HOSTILE = "a|b\n::error::x%0A<b>&\x00\x1b[31m`]]> @all [l](http://x) ##[error]y\u202e\ufffe,title=z"


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def run(capsys: pytest.CaptureFixture[str], board: Path, *options: Any) -> Outcome:
    return call(capsys, "check", "--baseline", board / "before", "--candidate", board / "after", *options)


def found(outcome: Outcome) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(outcome.out)
    return value


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


# JUnit

# The schema of Ant's JUnit task as far as this report goes: a restatement of its elements, order and required attributes.
SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <xs:complexType name="outcome"><xs:simpleContent><xs:extension base="xs:string">
  <xs:attribute name="message" type="xs:string"/><xs:attribute name="type" type="xs:string" use="required"/>
 </xs:extension></xs:simpleContent></xs:complexType>
 <xs:element name="testsuites"><xs:complexType><xs:sequence>
  <xs:element name="testsuite" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
   <xs:element name="properties"><xs:complexType/></xs:element>
   <xs:element name="testcase" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
    <xs:choice minOccurs="0"><xs:element name="error" type="outcome"/><xs:element name="failure" type="outcome"/></xs:choice>
    <xs:attribute name="name" type="xs:token" use="required"/>
    <xs:attribute name="classname" type="xs:token" use="required"/>
    <xs:attribute name="time" type="xs:decimal" use="required"/>
   </xs:complexType></xs:element>
   <xs:element name="system-out" type="xs:string"/><xs:element name="system-err" type="xs:string"/>
  </xs:sequence>
   <xs:attribute name="package" type="xs:token" use="required"/><xs:attribute name="id" type="xs:int" use="required"/>
   <xs:attribute name="name" type="xs:token" use="required"/>
   <xs:attribute name="timestamp" use="required"><xs:simpleType><xs:restriction base="xs:dateTime">
    <xs:pattern value="[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"/></xs:restriction></xs:simpleType></xs:attribute>
   <xs:attribute name="hostname" type="xs:token" use="required"/>
   <xs:attribute name="tests" type="xs:int" use="required"/><xs:attribute name="failures" type="xs:int" use="required"/>
   <xs:attribute name="errors" type="xs:int" use="required"/><xs:attribute name="time" type="xs:decimal" use="required"/>
  </xs:complexType></xs:element></xs:sequence>
  <xs:attribute name="name" type="xs:token"/><xs:attribute name="tests" type="xs:int"/>
  <xs:attribute name="failures" type="xs:int"/><xs:attribute name="errors" type="xs:int"/>
 </xs:complexType></xs:element>
</xs:schema>"""


def valid(report: bytes) -> Any:
    """The report as a tree, once the schema holds and the counts are those of the elements."""
    etree = pytest.importorskip("lxml.etree")
    tree = etree.parse(io.BytesIO(report))
    etree.XMLSchema(etree.XML(SCHEMA)).assertValid(tree)
    for suite in tree.findall(".//testsuite"):
        for attribute, element in (
            ("tests", "testcase"),
            ("failures", "testcase/failure"),
            ("errors", "testcase/error"),
        ):
            assert int(suite.get(attribute)) == len(suite.findall(element))
    return tree


def test_the_junit_report_is_valid_and_says_what_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "before", "m", {"x": GOOD, "y": GOOD, "z": GOOD})
    store(tmp_path / "after", "m", {"x": WORSE, "y": GOOD, "z": GOOD[:-1]})
    report = tmp_path / "out" / "junit.xml"
    assert run(capsys, tmp_path, "--junit", report).code == 3
    tree = valid(report.read_bytes())
    failed = {
        case.get("name"): case[0].get("message")
        for case in tree.findall(".//testcase")
        if case.find("failure") is not None
    }
    assert failed == {"x": "m on t, x: nDCG@10 1.0000 -> 0.9500 (-0.0500), p = 0.002 after Holm"}
    assert [case.get("name") for case in tree.findall(".//testcase") if not len(case)] == ["y"]
    assert "1 queries of the baseline are missing" in tree.find(".//error").text
    assert "x: dropped, smallest drop seen" in tree.find(".//testsuite[@name='t.m']/system-out").text


def test_a_hostile_name_is_text_in_xml() -> None:
    tree = valid(
        junit_report(HOSTILE, [Suite(HOSTILE, [Case(HOSTILE, "x", failure=HOSTILE)], HOSTILE)], "2026-01-01T00:00:00")
    )
    written = HOSTILE.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\ufffe", "\\ufffe")
    assert tree.find(".//failure").text == written
    assert tree.find(".//testcase").get("classname") == written


# Markdown and GitHub Actions


def test_a_hostile_name_is_text_in_markdown() -> None:
    cell = plain_cell(HOSTILE)
    assert not re.search(r"[\x00-\x1f\u202e<>@]|(?<!\\)[|`\[\]()]|://", cell)
    table = markdown_table(("a", "b"), [(HOSTILE, "1"), ("x", "2")], right=("b",))
    assert table.splitlines()[:2] == ["| a | b |", "| --- | --: |"]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()] == [3] * 4


def test_annotations_are_escaped_as_github_has_it() -> None:
    assert annotation("error", "a:b,c", "x%\r\ny: z") == "::error title=a%3Ab%2Cc::x%25%0D%0Ay: z"
    assert not re.search(r"^\s*::|##\[", disarmed("::error::x ##[group]"))


def test_a_hostile_entry_commands_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    (tmp_path / "step.md").write_text("before\n")
    for side, scores in (("before", GOOD), ("after", WORSE)):
        store(tmp_path / side, HOSTILE, {"x": scores, HOSTILE: scores})
    outcome = run(capsys, tmp_path, "--summary", tmp_path / "s.md", "--junit", tmp_path / "j.xml")
    assert outcome.code == 1
    lines = (outcome.out + outcome.err).splitlines()
    commands = [line for line in lines if line.strip().startswith("::") or "##[" in line]
    assert len(commands) == 2
    for line in commands:
        assert re.fullmatch(r"::error title=bench check%3A [^:,]* dropped::[^\r\n]*", line)
        # A command's own text cannot hold one: the runner looks at the beginning of lines, and for ##[ anywhere.
        assert "##[" not in line
    valid((tmp_path / "j.xml").read_bytes())
    summary = (tmp_path / "s.md").read_text()
    assert (tmp_path / "step.md").read_text() == "before\n" + summary
    rows = [line for line in summary.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {8}
    assert "<" not in summary


def test_warnings_become_annotations_on_github_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path / "before", "m", {"x": GOOD})
    store(tmp_path / "after", "m", {"x": GOOD[:-1]})
    assert "::error" not in run(capsys, tmp_path).err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    outcome = run(capsys, tmp_path, "--json")
    assert outcome.err.count("::error title=bench check%3A not checked::m on t, x: 1 queries") == 1
    assert found(outcome)["code"] == outcome.code == 3


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "check").code == 2
    assert call(capsys, "check", "--baseline", tmp_path, "--alpha", "0").code == 2
    assert call(capsys, "check", "--baseline", tmp_path, "--measure", "nDCG").code == 2
    assert call(capsys, "check", "--baseline", tmp_path).code == 3


def test_checking_loads_no_model_library(tmp_path: Path) -> None:
    store(tmp_path, "m", {"x": GOOD})
    loaded = heavy_imports("check", "--baseline", tmp_path, "--candidate", tmp_path)
    assert set(loaded) <= {"pyarrow", "scipy", "pandas"}


# Ready workflow files

WORKFLOWS = Path(__file__).parents[1] / ".github" / "workflows"


@pytest.mark.parametrize("name", ["ci.yml", "submission.yml"])
def test_workflows_read_only_and_know_no_secret(name: str) -> None:
    text = (WORKFLOWS / name).read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    # YAML 1.1 takes the key `on` for true.
    assert "pull_request" in workflow[True] and "pull_request_target" not in text
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in text
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            # What a pull request brings along, such as its title or branch, is never part of a command.
            assert "${{" not in step.get("run", "")
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_a_submission_is_read_by_the_code_of_the_base_branch() -> None:
    steps = yaml.safe_load((WORKFLOWS / "submission.yml").read_text(encoding="utf-8"))["jobs"]["verify"]["steps"]
    base, submitted = (step["with"] for step in steps[:2])
    assert (base["path"], base["ref"]) == ("base", "${{ github.event.pull_request.base.sha }}")
    assert (submitted["path"], submitted["sparse-checkout"]) == ("submitted", "leaderboards")
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == "make -C base setup"
    assert all(command.startswith("base/.venv/bin/bench ") for command in commands[1:])
    assert [command.split()[1:3] for command in commands[1:]] == [["board", "verify"], ["check", "--baseline"]]


def test_the_makefile_checks_the_embedded_collection_against_the_board() -> None:
    makefile = (WORKFLOWS.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^ci:.*\bregression\b", makefile, re.MULTILINE)
    assert "bench check --baseline leaderboards --candidate $(REGRESSION)/board --task mini" in makefile
