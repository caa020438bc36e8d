"""What `bench check` leaves for continuous integration, with names that try to be more than names; ready workflows."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from boards import store
from checks import GOOD, WORSE, forget_github, found, run

from bench.formats.github import annotation, disarmed
from bench.formats.junit import Case, Suite, junit_report
from bench.formats.markdown import markdown_table, plain_cell

# All that XML, Markdown, a terminal, and the log of GitHub Actions would obey.
HOSTILE = "a|b\n::error::x%0A<b>&\x00\x1b[31m`]]> @all [l](http://x) ##[error]y\u202e\ufffe,title=z"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_github(monkeypatch)


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
