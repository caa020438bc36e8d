"""README.md: its commands are understood, those with an answer answer so, its names exist, its table is the board's."""

from __future__ import annotations

import ast
import math
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from console import call
from recipes import CHECKOUT, Typed, checkout_copy, follow, sections, steps

from bench.cli import bench as program
from bench.errors import InputError, MissingError, StoppedError
from bench.expression import Call, Expression, Kind, Name, Staged, Stored, Weighted
from bench.grammar import parse_expression, split_list
from bench.registry import Registry
from bench.system.resolve import FUNCTIONS, KINDS, STAGES

PAGE = CHECKOUT / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
PAGES = [PAGE, CHECKOUT / "CONTRIBUTING.md"]
COMMANDS = [
    step.command
    for page in PAGES
    for section in sections(page).values()
    for step in steps(section)
    if isinstance(step, Typed) and step.command.startswith("bench ")
]


def understood(command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the command line makes of a command, whose verb does nothing."""
    words = shlex.split(command, comments=True)[1:]
    verb: click.Command = program
    for word in words:
        if isinstance(verb, click.Group):
            verb = verb.get_command(click.Context(verb), word) or verb
    given: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "callback", lambda **options: given.update(options))
        outcome = call(capsys, *words)
    assert outcome.code == 0, outcome.err
    return given


def models_of(tree: Expression) -> Iterator[str]:
    """What cards, kinds, functions and stages an expression names, as `card bm25`, `stage cross`."""
    if isinstance(tree, Call):
        yield f"function {tree.function}"
        for argument in tree.arguments:
            yield from models_of(argument)
    elif isinstance(tree, Weighted):
        yield from models_of(tree.expression)
    elif isinstance(tree, Stored):
        yield from models_of(tree.model)
    elif isinstance(tree, Staged):
        yield f"stage {tree.stage.name}"
        yield from models_of(tree.first)
    elif isinstance(tree, Name | Kind):
        yield f"kind {tree.kind}" if isinstance(tree, Kind) else f"card {tree.text}"


def known_models() -> set[str]:
    names = {f"card {name}" for name in Registry().model_names()}
    tables = {"kind": KINDS, "function": FUNCTIONS, "stage": STAGES}
    return names | {f"{what} {name}" for what, table in tables.items() for name in table}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = understood(command, capsys)
    if command.startswith("bench run "):
        for model in (model for text in given["models"] for model in split_list(text)):
            assert set(models_of(parse_expression(model))) <= known_models() | {"card all-minilm-l6-v2-128"}
    for task in given.get("tasks") or ():
        assert task in {*Registry().task_names(), "path:DIR", "rivers"}


@pytest.mark.parametrize("command", ["bench run --modle bm25", "bench board shwo", "bench check --board x"])
def test_what_is_not_understood_is_seen(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) > 30
    with pytest.raises(AssertionError, match=r"No such option|unknown verb|Missing option"):
        understood(command, capsys)


def test_the_models_of_the_table_exist() -> None:
    rows = re.findall(r"^\| .+? \| (`.+`) \|$", sections(PAGE)["Models"], flags=re.MULTILINE)
    shown = [text.partition(" --")[0] for row in rows for text in re.findall(r"`([^`]+)`", row) if text[0] != "-"]
    assert len(shown) >= 18
    named = {name for text in shown for name in models_of(parse_expression(text))}
    assert named <= known_models()
    # Every way to name a model is in the table.
    assert {name for name in known_models() if not name.startswith("card")} <= named


def test_what_answers_answers_so(tmp_path: Path) -> None:
    found = [step for section in sections(PAGE).values() for step in steps(section)]
    answered = [step for step in found if isinstance(step, Typed) and step.answer]
    assert len(answered) >= 2
    follow(answered, checkout_copy(tmp_path / "checkout"))


def test_the_demo_is_what_the_board_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", TEXT, flags=re.DOTALL)
    assert shown
    (tmp_path / "mini").mkdir()
    for name in ("bm25", "muse-small", "me5-small-q4", "rrf-bm25-me5-small-q4--*"):
        for file in (CHECKOUT / "leaderboards" / "mini").glob(f"{name}.*"):
            shutil.copy(file, tmp_path / "mini")
    table = call(capsys, "board", "show", "--board", tmp_path, "--measure", "nDCG@10").out
    assert lines(table) == lines(shown[1])


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the simplest model there is: how often each letter occurs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def letters(texts: list[str]) -> Any:
        return np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)

    code = re.search(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert code
    names: dict[str, Any] = {"my_model": letters}
    values = []
    for node in ast.parse(code[1]).body:
        if isinstance(node, ast.Expr):
            values.append(eval(compile(ast.Expression(node.value), "README.md", "eval"), names))
        else:
            exec(compile(ast.Module([node], []), "README.md", "exec"), names)
    swahili, scores = values
    assert 0 < swahili < 1
    assert [scores.mean(measure) for measure in scores.values] == [1 / math.log2(3), 0.5]


def test_exit_codes() -> None:
    stated = re.search(r"Exit codes: (.*?)\n\n", TEXT, flags=re.DOTALL)
    assert stated
    codes = [int(part.split()[0]) for part in stated[1].split(";")]
    assert codes == [0, 1, InputError.exit_code, MissingError.exit_code, StoppedError.exit_code, 70, 130]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (CHECKOUT / link).exists()] == []
