"""The page of a system: its recipe, and commands of validated fields alone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from console import CHECKOUT
from siteboards import EVIL
from sitepages import read

from bench.cli.run import run as run_verb
from bench.entry import Entry
from bench.leaderboard import read_entry
from bench.model import Model
from bench.registry import Registry
from bench.site.command import commands_of
from bench.site.recipe import flat, quoted, recipe_of

BOARD = CHECKOUT / "leaderboards"


def test_a_system_shows_its_recipe_prompts_and_command(site: Path) -> None:
    page = read(site / "system" / "me5-small-q4.html")
    commands = [pre.text_content() for pre in page.xpath("//pre[starts-with(@id, 'command')]")]
    assert "bench run --model me5-small-q4 --task mini --k 100" in commands
    buttons = page.xpath("//button[@data-copy]/@data-copy")
    assert set(buttons) >= set(page.xpath("//pre[starts-with(@id, 'command')]/@id"))
    text = page.text_content()
    assert '"query: "' in text and '"passage: "' in text and '"query: An example."' in text
    entry = read_entry(BOARD / "mini" / "me5-small-q4.json")
    for place, value in flat(entry.identity).items():
        assert page.xpath(f"//dt[text()='{place}']") and value in text, place
    for block in entry.languages.values():
        for place in flat(block["recipe"]):
            assert place in text, place


# --- commands


def stored(name: str) -> Entry:
    return read_entry(BOARD / name)


def cards() -> dict[str, Model]:
    return {row.name: row.card for row in Registry().listed("models") if isinstance(row.card, Model)}


def commands(entry: Entry) -> list[str]:
    return [command.text for command in commands_of(entry, Registry().task("mini"), cards()).commands]


def changed(entry: Entry, **recipe: Any) -> Entry:
    blocks = {code: block | {"recipe": block["recipe"] | recipe} for code, block in entry.languages.items()}
    return Entry(entry.identity, entry.bare, entry.measures, entry.subsets, blocks)


def named(entry: Entry, **identity: Any) -> Entry:
    return Entry(entry.identity | identity, entry.bare, entry.measures, entry.subsets, entry.languages)


@pytest.mark.parametrize(
    "path", sorted(p.relative_to(BOARD) for p in BOARD.glob("*/*.json") if p.parent.name in ("mini", "mini-x", "xquad"))
)
def test_a_command_is_one_that_bench_run_takes_and_means_the_entry(path: Path) -> None:
    entry = stored(str(path))
    card = Registry().task(entry.identity["task"])
    (command,) = commands_of(entry, card, cards()).commands
    program, verb, *words = shlex.split(command.text)
    assert (program, verb) == ("bench", "run")
    given = run_verb.make_context("run", words, resilient_parsing=False).params
    assert given["models"] == (entry.identity["model"],) and given["tasks"] == (entry.identity["task"],)
    assert given["k"] == next(iter(entry.languages.values()))["recipe"]["k"]
    assert given["languages"] == () or set(given["languages"][0].split(",")) == set(entry.languages)


def test_a_command_says_what_is_not_usual() -> None:
    entry = stored("mini/bm25.json")
    base = next(iter(entry.languages.values()))["recipe"]["options"]
    part = Entry(entry.identity, True, entry.measures, entry.subsets, {c: entry.languages[c] for c in ("ar", "zh")})
    assert commands(part) == ["bench run --model bm25 --task mini --lang ar,zh --k 100"]
    assert commands(changed(entry, seed=7, options=base | {"shard_size": 64})) == [
        "bench run --model bm25 --task mini --k 100 --seed 7 --shard-size 64"
    ]
    split = commands(named(entry, task="mini@train", split="train"))
    assert split == ["bench run --model bm25 --task mini --split train --k 100"]
    fused = named(entry, model="rrf(bm25, hf:a/b@1)")
    assert commands(fused) == ["bench run --model 'rrf(bm25, hf:a/b@1)' --task mini --k 100"]
    two = dict(entry.languages)
    two["ar"] = two["ar"] | {"recipe": two["ar"]["recipe"] | {"seed": 3}}
    both = commands(Entry(entry.identity, True, entry.measures, entry.subsets, two))
    assert len(both) == 2 and both[0] == "bench run --model bm25 --task mini --lang ar --k 100 --seed 3"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "bm25\nrm -rf ~"},
        {"model": "bm25\u202e"},
        {"model": "bm25; rm"},
        {"model": "bm25   "},
        {"model": "hf:a/b $(touch x)"},
        {"model": EVIL},
        {"model": 7},
        {"task": "mini; rm -rf ~"},
        {"task": "--cache=/tmp/x"},
        {"task": "path:mine"},
        {"task": "mini@$(x)"},
        {"system": {"run": {"tag": "x"}}},
    ],
)
def test_no_command_for_a_name_that_a_run_would_not_write(change: dict[str, Any]) -> None:
    found = commands_of(named(stored("mini/bm25.json"), **change), None, cards())
    if found.commands:  # What is left is an expression, and a shell reads it as one word.
        words = shlex.split(found.commands[0].text)
        assert words[:4] == ["bench", "run", "--model", change["model"]] and len(words) == 8
        assert change["model"].isprintable()
    else:
        assert found.reason


@pytest.mark.parametrize(
    "recipe",
    [
        {"options": {"limit_docs": None, "allow_unpinned": False, "shard_size": 2048, "post_install": "rm -rf ~"}},
        {"options": {"limit_docs": "1; rm", "allow_unpinned": False, "shard_size": 2048}},
        {"options": {"limit_docs": None, "allow_unpinned": "yes", "shard_size": 2048}},
        {"options": None},
        {"k": "100; rm"},
        {"k": 0},
        {"k": True},
        {"seed": "1"},
        {"encoders": [{"query": {"recipe": {"dtype": "float32; rm"}}}]},
    ],
)
def test_no_command_for_a_recipe_that_a_run_would_not_write(recipe: dict[str, Any]) -> None:
    found = commands_of(changed(stored("mini/bm25.json"), **recipe), None, cards())
    assert not found.commands and found.reason


def test_every_option_of_a_command_is_one_of_the_verb() -> None:
    known = {name for option in run_verb.params if isinstance(option, click.Option) for name in option.opts}
    source = (CHECKOUT / "bench" / "site" / "command.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(--[a-z-]+)"', source)) <= known


def test_a_recipe_tells_what_all_languages_share_from_what_differs() -> None:
    recipe = recipe_of(stored("mini/bm25.json"))
    shared = dict(recipe.shared)
    assert shared["k"] == "100" and shared["document_text"] == "title and text" and "languages.query" in recipe.keys
    assert all(len(values) == len(recipe.keys) for _, values in recipe.differing)


def test_fields_of_a_recipe_that_are_new_are_shown_as_they_are() -> None:
    entry = changed(stored("mini/bm25.json"), engine={"name": "onnx", "threads": 2}, receipt=[{"bytes": 7}], odd=EVIL)
    shared = dict(recipe_of(entry).shared)
    assert (shared["engine.name"], shared["engine.threads"], shared["receipt.0.bytes"]) == ("onnx", "2", "7")
    assert shared["odd"] == quoted(EVIL)  # with signs that cannot be seen written out; the template escapes the rest
