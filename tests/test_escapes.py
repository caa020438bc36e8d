"""Escapes: one hostile name through every exporter, read back by parsers that nobody here wrote."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from boards import store
from console import call
from lxml import etree
from markdown_it import MarkdownIt

from bench.cli.output import escaped, plain
from bench.formats.escapes import controls, json_text, latex, log_line, markdown, one_line, spreadsheet, xml
from bench.formats.github import annotation
from bench.formats.junit import Case, Suite, junit_report
from bench.formats.markdown import markdown_table

HOSTILE = (
    "=cmd|'/C calc'!A0,\"x\"\t@you [a](http://x.y) <img src=x onerror=alert(1)> `c` **b** \\input{/etc/passwd} $1^2_3$ "
    "50% & ~ # ::error::no\r\n::set-output name=a::b ##[group] \x1b[31m \x00 \u202egnp.exe\u2028 ]]> www.z.org -- ''"
)
FORMULAS = ["=1+1", "+1+cmd", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1"]


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), strict=True))


# --- single escapes


@pytest.mark.parametrize("text", [*FORMULAS, HOSTILE])
def test_a_formula_is_text_in_a_spreadsheet(text: str) -> None:
    cell = spreadsheet(text)
    assert cell.startswith("'")
    assert cell[1:] == controls(text)
    out = io.StringIO()
    csv.writer(out).writerow(["a", cell, "b"])
    assert rows_of(out.getvalue()) == [["a", cell, "b"]]


@pytest.mark.parametrize("text", ["-0.25", "+1e-5", ".5", "12", "a=1", "x-y", "", "bm25 >> cross:x[50]"])
def test_numbers_and_harmless_names_stay_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet(text) == text


def cells_of(markdown_text: str) -> list[list[str]]:
    """The cells of the first table, as a reader of CommonMark with tables shows them; nothing but text may be there."""
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(markdown_text)
    table: list[list[str]] = []
    for i, token in enumerate(tokens):
        if token.type == "tr_open":
            table.append([])
        if token.type in ("th_open", "td_open"):
            inline = tokens[i + 1]
            assert {child.type for child in inline.children or ()} <= {"text", "text_special"}, inline.children
            table[-1].append("".join(child.content for child in inline.children or ()))
    return table


@pytest.mark.parametrize(
    "text", [HOSTILE, "a|b", r"a\|b", "`a|b`", "| --- |", "**x** _y_ ~~z~~", "&lt;b&gt;", "<!-- x"]
)
def test_markdown_shows_what_the_text_says(text: str) -> None:
    (head, *rest) = cells_of(markdown_table(("name", "value"), [(text, "1"), ("next", "2")]))
    assert head == ["name", "value"]
    assert rest == [[one_line(text).strip(), "1"], ["next", "2"]]


def test_markdown_makes_no_mention_and_no_link() -> None:
    cell = markdown("@you see https://x.y and www.z.org")
    assert cell == "&#64;you see https:&#47;/x.y and www&#46;z.org"


# What LaTeX prints for the commands that stand in for its own characters (The TeXbook, chapter 7; LaTeX2e's encodings).
PRINTED = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\symbol{34}": '"',
    r"\textasciigrave{}": "`",
    "{[}": "[",
    "{]}": "]",
    "{*}": "*",
    "{}": "",
    **{f"\\{c}": c for c in "&%$#_{}"},
}


def typeset(source: str) -> str:
    """The characters of escaped LaTeX; every other use of a special character is an error."""
    shown, at = "", 0
    while at < len(source):
        known = next((k for k in sorted(PRINTED, key=len, reverse=True) if source.startswith(k, at)), None)
        if known is None:
            assert source[at] not in "\\{}$&#^_~%", f"{source[at]!r} at {at} of {source!r}"
        shown += PRINTED[known] if known else source[at]
        at += len(known or " ")
    return shown


@pytest.mark.parametrize("text", [HOSTILE, "a--b,,c''d", "[1] *x", r"\\[2pt]", "100%", "{{}}"])
def test_latex_prints_what_the_text_says(text: str) -> None:
    assert typeset(latex(text)) == one_line(text).strip()
    assert not re.search(r"--|,,|''", latex(text)), "a ligature"


def test_xml_says_all_that_it_can() -> None:
    read = etree.fromstring(junit_report(HOSTILE, [Suite("s", [Case(HOSTILE, HOSTILE, HOSTILE)], HOSTILE)], "2026"))
    written = HOSTILE.replace("\x00", "\\x00").replace("\x1b", "\\x1b")
    assert xml(HOSTILE) == written
    assert read.find(".//testcase").get("classname") == written
    assert read.find(".//failure").text == written.replace("\r\n", "\n"), "XML has one kind of line break in texts"


def test_a_log_obeys_nothing() -> None:
    line = annotation("error", HOSTILE, HOSTILE)
    assert not re.search(r"[\r\n]|##\[", line)
    assert re.fullmatch(r"::error title=[^:,]*::.*", line, re.DOTALL)
    assert not re.search(r"^\s*::|##\[", log_line(plain(HOSTILE)), re.MULTILINE)


def test_a_terminal_obeys_nothing() -> None:
    assert plain is one_line
    assert escaped is controls
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", plain(HOSTILE) + escaped(HOSTILE))
    assert json.loads(json_text(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE
    assert json_text('"\ud800\u202e"') == '"\\ud800\\u202e"'


# --- the exporters


@pytest.fixture
def board(tmp_path: Path) -> Path:
    store(tmp_path / "b", HOSTILE, {"x": [0.25, 0.5], HOSTILE: [0.5, 1.0]}, task="t")
    store(tmp_path / "b", "plain", {"x": [0.25, 0.25]}, task="t", subsets=["x", HOSTILE])
    return tmp_path / "b"


def exported(board: Path, capsys: pytest.CaptureFixture[str], form: str, *more: object) -> str:
    done = call(capsys, "board", "export", "--format", form, "--board", board, *more)
    assert done.code == 0, done.err
    return done.out


def test_csv_of_a_hostile_name(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = rows_of(exported(board, capsys, "csv"))
    assert {len(row) for row in rows} == {len(head)}
    told = [dict(zip(head, row, strict=True)) for row in rows]
    assert {row["model"] for row in told} == {spreadsheet(HOSTILE), "plain"}
    mine = {row["language"]: row["value"] for row in told if row["model"] != "plain"}
    assert mine == {"x": "0.375", spreadsheet(HOSTILE): "0.75", "mean": "0.5625"}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


def test_markdown_of_a_hostile_name(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = cells_of(exported(board, capsys, "markdown"))
    name = one_line(HOSTILE).strip()
    assert head == ["model", "mean", "x", name, "status"]
    assert [row[:4] for row in rows] == [[name, "0.5625", "0.3750", "0.7500"], ["plain", "0.2500 1/2", "0.2500", "-"]]
    assert rows[1][4].startswith("measured, split test, exact, pins match, partial 1/2")


def test_latex_of_a_hostile_name(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = exported(board, capsys, "latex").splitlines()
    rows = [line.removesuffix(r" \\").split(" & ") for line in lines if line.endswith(r"\\")]
    assert {len(row) for row in rows} == {5}
    assert [typeset(row[0]) for row in rows] == ["model", one_line(HOSTILE).strip(), "plain"]
    assert typeset(rows[0][3]) == one_line(HOSTILE).strip()


def test_json_and_model_index_of_a_hostile_name(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = exported(board, capsys, "json")
    assert {row["model"]: list(row["languages"]) for row in json.loads(written)}[HOSTILE] == ["x", HOSTILE]
    block = exported(board, capsys, "model-index", "--model", "cmd")
    for text in (written, block):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    (index,) = yaml.safe_load(block)["model-index"]
    assert index["name"] == HOSTILE
    assert [row["dataset"]["config"] for row in index["results"]] == ["x", HOSTILE]


def test_mteb_file_of_a_hostile_name(board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported(board, capsys, "mteb", "--out", tmp_path / "o")
    files = sorted((tmp_path / "o").rglob("*.json"))
    assert len(files) == 2
    assert all(re.fullmatch(r"[a-z0-9._-]+/[0-9a-f]{8}/t\.json", str(f.relative_to(tmp_path / "o"))) for f in files)
    told: list[Any] = [json.loads(file.read_text(encoding="utf-8"))["scores"]["test"] for file in files]
    assert sorted(len(rows) for rows in told) == [1, 2]
    assert {row["hf_subset"] for rows in told for row in rows} == {"x", HOSTILE}
