"""The site as it is written: what every page holds to, and the numbers of its tables against those of the entries."""

from __future__ import annotations

import json
import re
import shlex
import string
from pathlib import Path
from typing import Any

import click
import pytest
from boards import MEASURE, store
from console import CHECKOUT, call
from lxml import html
from siteboards import EVIL, hostile, small

from bench.cli.run import run as run_verb
from bench.entry import Entry
from bench.errors import InputError, MissingError
from bench.leaderboard import entries, read_entry
from bench.leaderboard.audit.printed import Figure
from bench.model import Model
from bench.registry import Registry
from bench.site.build import build
from bench.site.cells import Cell, number, signed
from bench.site.columns import parts_of
from bench.site.command import commands_of
from bench.site.data import site_data
from bench.site.heat import STEPS, Scale, scale_of
from bench.site.names import file_names, is_safe, web_address
from bench.site.pages import home, system, task
from bench.site.recipe import flat, quoted, recipe_of
from bench.site.tasktable import rows_of
from bench.site.traits import method_of, size_text

BOARD = CHECKOUT / "leaderboards"
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, board: Path, cache: Path) -> Path:
    return build(board, tmp_path_factory.mktemp("out") / "site", cache=cache).out


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    return build(hostile(folder / "board"), folder / "out" / "site").out


def written(board: Path, out: Path) -> Path:
    """The home page, and those of tasks and systems, without the cache: all that these tests look at."""
    data = site_data(board)
    for page in (page for pages_of in (home.pages, task.pages, system.pages) for page in pages_of(data)):
        path = out / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.content)
    return out


def read(path: Path) -> Any:
    return html.fromstring(path.read_text(encoding="utf-8"))


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


# --- what every page holds to


@pytest.mark.parametrize("which", ["site", "evil"])
def test_every_page_runs_and_loads_its_own_files_alone(which: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(which)
    assert len(pages(site)) > 8
    for path in pages(site):
        tree, name = read(path), str(path.relative_to(site))
        first = [meta.get("content") for meta in tree.xpath("/html/head/meta[@http-equiv]")]
        assert first == [POLICY], name
        before = tree.xpath("/html/head/meta[@http-equiv]/preceding-sibling::*")
        assert all(element.tag == "meta" for element in before), name
        assert not tree.xpath("//*[@style] | //style | //iframe | //object | //embed | //base | //form"), name
        assert not [a for a in tree.xpath("//@*") if a.attrname.startswith("on")], name
        assert not [s for s in tree.xpath("//script") if (s.text or "").strip() or not s.get("src")], name
        for address in tree.xpath("//script/@src | //link/@href | //img/@src"):
            assert "://" not in address and (path.parent / address).resolve().is_relative_to(site.resolve()), name


@pytest.mark.parametrize("which", ["site", "evil"])
def test_every_link_is_a_file_of_the_site_or_of_the_web(which: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(which).resolve()
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    ids: dict[Path, set[str]] = {}
    for path in pages(site):
        tree = read(path)
        for address in tree.xpath("//a/@href | //script/@src | //link/@href | //img/@src"):
            if re.match(r"https?://", address):
                assert web_address(address) == address
                continue
            target, _, row = address.partition("#")
            file = (path.parent / target).resolve() if target else path
            assert file.is_relative_to(site) and file.relative_to(site).as_posix() in there, (path.name, address)
            if row and "=" not in row:
                if file not in ids:
                    ids[file] = set(read(file).xpath("//@id"))
                assert row in ids[file], (path.name, address)


@pytest.mark.parametrize("which", ["site", "evil"])
def test_tables_say_what_their_cells_are(which: str, request: pytest.FixtureRequest) -> None:
    for path in pages(request.getfixturevalue(which)):
        tree = read(path)
        assert tree.get("lang") == "en" and len(tree.xpath("//h1")) == 1 and len(tree.xpath("//main")) == 1, path
        assert tree.xpath("//title/text()")[0].strip(), path
        identities = tree.xpath("//@id")
        assert len(identities) == len(set(identities)), path
        for table in tree.xpath("//table"):
            assert table.xpath("./caption"), path
            assert not [
                th for th in table.xpath(".//th") if th.get("scope") not in ("col", "row", "colgroup", "rowgroup")
            ]
        for field in tree.xpath("//input | //select"):
            assert tree.xpath(f"//label[@for='{field.get('id')}']") or field.get("aria-label"), path


def test_hostile_texts_are_there_as_texts(evil: Path) -> None:
    shown = {path: read(path) for path in pages(evil)}
    texts = ["".join(tree.xpath("//body//text()")) for tree in shown.values()]
    start = EVIL[:60]
    assert sum(start in text for text in texts) >= 3
    assert not [tree for tree in shown.values() if tree.xpath("//img[@src='x'] | //b[@onclick]")]
    safe = set(string.ascii_lowercase + string.digits + "._-@")
    for path in evil.rglob("*"):
        assert set(path.name) <= safe, path
    for path in evil.glob("data/*.js"):
        assert "<" not in path.read_text(encoding="utf-8"), path


def test_the_same_board_gives_the_same_bytes_wherever_it_lies(site: Path, tmp_path: Path) -> None:
    again = written(small(tmp_path / "elsewhere"), tmp_path / "again")
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(files) > 20
    assert [name for name in files if (site / name).read_bytes() != (again / name).read_bytes()] == []


def test_no_page_says_where_it_was_built(site: Path, board: Path) -> None:
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert str(board) not in text and str(site) not in text, path


# --- the folder


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else than a site"):
        build(BOARD, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    with pytest.raises(MissingError, match="no such leaderboard folder"):
        build(tmp_path / "none", tmp_path / "site")


def test_pages_that_are_no_longer_made_go_and_nothing_else(tmp_path: Path) -> None:
    board = tmp_path / "board"
    store(board, "one", {"en": [0.5] * 4})
    gone = store(board, "two", {"en": [0.25] * 4})
    out = build(board, tmp_path / "site").out
    assert (out / "system" / "two.html").exists()
    (out / "CNAME").write_text("example.org")
    outside = tmp_path / "outside.html"
    outside.write_text("mine")
    with (out / ".bench-site").open("a") as file:
        file.write("../outside.html\n")
    gone.unlink()
    build(board, out)
    assert not (out / "system" / "two.html").exists() and (out / "system" / "one.html").exists()
    assert (out / "CNAME").read_text() == "example.org" and outside.read_text() == "mine"


def test_the_verb_says_where_the_site_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "board", "one", {"en": [0.5] * 4})
    folders = {name: tmp_path / name for name in ("board", "out", "cache")}
    done = call(capsys, "site", "build", *(word for name, path in folders.items() for word in (f"--{name}", path)))
    assert done.code == 0, done.err
    assert done.out.strip() == str(tmp_path / "out" / "index.html")


# --- the table of a task


def body_rows(tree: Any) -> list[Any]:
    return tree.xpath("//table[@id='board']/tbody/tr[@id]")


def test_a_task_shows_the_numbers_of_its_entries(site: Path, board: Path) -> None:
    tree = read(site / "task" / "mini.html")
    codes = tree.xpath("//table[@id='board']/thead//th/@data-code")
    found = {row.get("id"): dict(zip(codes, row.xpath("./td | ./th"), strict=True)) for row in body_rows(tree)}
    held = [entry for _, entry in entries(board) if entry.identity["task"] == "mini"]
    assert len(found) == len(held) == 4
    for entry in held:
        cells = next(row for row in found.values() if row["_name"].text_content().startswith(entry.identity["model"]))
        for code, block in entry.languages.items():
            text = cells[code].text_content().rstrip("!")
            assert float(text) == pytest.approx(block["nDCG@10"], abs=0.0005), (entry.stem, code)
            flagged = bool(block["flags"])
            assert ("!" in cells[code].text_content()) or not flagged
        assert cells["_cover"].text_content() == "18/18"
    order = [row["_name"].xpath(".//a")[0].text_content() for row in found.values()]
    means = {e.identity["model"]: sum(b["nDCG@10"] for b in e.languages.values()) / 18 for e in held}
    assert order == sorted(means, key=lambda name: -means[name])
    best = {code: max(held, key=lambda e: e.languages[code]["nDCG@10"]).identity["model"] for code in held[0].languages}
    for row in found.values():
        name = row["_name"].xpath(".//a")[0].text_content()
        starred = {code for code in best if "b" in row[code].get("class").split()}
        assert starred == {code for code, first in best.items() if first == name}


def test_the_data_of_the_script_are_those_of_the_page(site: Path) -> None:
    for stem in ("mini", "mteb-wide", "mrtydi"):
        tree = read(site / "task" / f"{stem}.html")
        text = (site / "data" / f"{stem}.js").read_text(encoding="utf-8")
        data = json.loads(text[text.index("=", text.index(")[")) + 1 : -2])
        table = tree.xpath("//table[@id='board']")[0]
        told = data[table.get("data-measure")]
        scale = Scale(*told["scale"])
        assert list(told["rows"]) == [row.get("id") for row in body_rows(tree)]
        mean = tree.xpath("//table[@id='board']/thead//th/@data-code").index("_mean")
        for row in body_rows(tree):
            rank, _, _, _, cover, *values = told["rows"][row.get("id")]
            cells = row.xpath("./td | ./th")
            assert cells[0].text == ("–" if rank is None else str(rank))
            assert row.xpath("./td[contains(@class, 'cover')]")[0].text_content() == cover
            for told_cell, cell in zip([values[0], *values[1]], cells[mean:], strict=True):
                value, marks = (told_cell[0], told_cell[1]) if isinstance(told_cell, list) else (told_cell, "")
                if value is None:
                    assert cell.text_content() == "–"
                    continue
                assert cell.text_content().strip("()!") == number(value / 1e6)
                steps = [name for name in cell.get("class").split() if re.fullmatch(r"h\d+", name)]
                near = {scale.step(value / 1e6 + d) for d in (-1e-6, 0.0, 1e-6)}
                assert ("s" in marks) == (not steps) and all(int(step[1:]) in near for step in steps)


def test_what_is_incomplete_stands_below_a_line_without_a_rank(tmp_path: Path) -> None:
    board = tmp_path / "board"
    store(board, "whole", {"en": [0.1] * 9, "fr": [0.2] * 9})
    store(board, "part", {"en": [0.9] * 9}, subsets=["en", "fr"])
    tree = read(written(board, tmp_path / "site") / "task" / "t.html")
    ranked, rest = tree.xpath("//tbody[@class='ranked']/tr[@id]"), tree.xpath("//tbody[@class='rest']/tr[@id]")
    assert [row.get("id") for row in ranked] == ["whole"] and [row.get("id") for row in rest] == ["part"]
    assert rest[0].xpath("./td")[0].text_content() == "–"
    assert rest[0].xpath("./td[contains(@class, 'cover')]")[0].text_content() == "1/2"
    assert "Not ranked" in tree.xpath("//tbody[@class='rest']/tr[@class='line']")[0].text_content()


def test_intervals_rank_intervals_and_groups_are_those_of_the_statistics(site: Path, board: Path) -> None:
    from bench.statistics import board_statistics

    found = board_statistics(board, "mini", "nDCG@10")
    tree = read(site / "task" / "mini.html")
    codes = tree.xpath("//table[@id='board']/thead//th/@data-code")
    for told in found["systems"]:
        cells = next(
            dict(zip(codes, row.xpath("./td | ./th"), strict=True))
            for row in body_rows(tree)
            if row.xpath("./th//a")[0].text_content() == told["model"]
        )
        low, high = told["mean"]["interval"]
        assert f"95 % {number(low)}–{number(high)}" in cells["_mean"].get("title")
        assert cells["_groups"].text_content() == " ".join(told["mean"]["groups"])
        best, worst = told["mean"]["ranks"]
        small_print = cells["_rank"].xpath("./small/text()")
        assert small_print == ([] if best == worst else [f"{best}–{worst}"])
        arabic = told["languages"]["ar"]["interval"]
        assert "95 % {}–{}".format(*map(number, arabic)) in cells["ar"].get("title")


def test_a_reported_number_stands_beside_the_measured_one_with_the_difference(tmp_path: Path) -> None:
    board = tmp_path / "board"
    path = store(board, "bm25", {"ar": [0.5] * 8, "de": [0.25] * 8}, task="xquad", subsets=["ar", "de"])
    (board / "reported").mkdir()
    rows = [
        dict.fromkeys(Figure._fields, "")
        | {
            "source": "A paper",
            "table": "Table 1",
            "citation": "a2020paper",
            "data": "xquad",
            "url": "https://example.org/p",
            "model": "BM25 of theirs",
        }
        | {"system": "bm25", "task": "xquad", "split": "validation", "language": language, "value": value}
        | {"metric": MEASURE, "measure": MEASURE}
        for language, value in (("ar", "0.45"), ("de", "0.30"))
    ]
    lines = [",".join(Figure._fields), *(",".join(row.values()) for row in rows)]
    (board / "reported" / "paper.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = written(board, tmp_path / "site")
    tree = read(out / "task" / "xquad.html")
    theirs = tree.xpath("//tbody[@data-from='reported']/tr[@id]")[0]
    codes = tree.xpath("//table[@id='board']/thead//th/@data-code")
    cells = dict(zip(codes, theirs.xpath("./td | ./th"), strict=True))
    assert (cells["ar"].text, cells["ar"].xpath("./small/text()")) == (".450", ["+.050"])
    assert (cells["de"].text, cells["de"].xpath("./small/text()")) == (".300", ["−.050"])
    heading = tree.xpath("//tbody[@data-from='reported']/tr[@class='head']//a")[0]
    assert heading.get("href") == "https://example.org/p" and "A paper Table 1" in heading.text_content()
    page = read(out / "system" / "bm25.html")
    lines_of = {
        row.xpath("./th")[0].text_content(): row for row in page.xpath("//table[contains(@class, 'numbers')]//tr")
    }
    apart = lines_of[f"measured less this, {MEASURE}"]
    assert [cell.text_content() for cell in apart.xpath("./td")][1:3] == ["+.050", "−.050"]
    assert read_entry(path).identity["model"] == "bm25"


def test_a_task_with_very_many_subsets_is_split_into_parts_of_which_each_is_whole() -> None:
    codes = [f"l{i:03}_Latn" for i in range(122)]
    subsets = (
        [f"{a}-{a}" for a in codes] + [f"{a}-l000_Latn" for a in codes[1:]] + [f"l000_Latn-{a}" for a in codes[1:]]
    )
    subsets += ["l001_Latn-l002_Latn"]
    parts = parts_of(subsets)
    assert sorted(code for part in parts for code in part.subsets) == sorted(subsets)
    assert all(len(part.subsets) <= 60 for part in parts)
    kinds = {part.name.split(",")[0] for part in parts}
    assert kinds == {"same language", "to l000_Latn", "from l000_Latn", "other pairs"}
    assert [len(part.subsets) for part in parts if part.name.startswith("same")] == [41, 41, 40]
    plain = parts_of([f"{i:03}" for i in range(61)])
    assert [len(part.subsets) for part in plain] == [31, 30]


def test_the_pages_of_the_parts_have_means_over_their_subsets(tmp_path: Path) -> None:
    codes = [f"{i:02}" for i in range(61)]
    store(tmp_path / "board", "one", {code: [i / 100] * 3 for i, code in enumerate(codes)})
    out = written(tmp_path / "board", tmp_path / "site")
    index = read(out / "task" / "t.html")
    assert index.xpath("//table[@id='board']/thead//th/@data-code")[-2:] == ["_1", "_2"]
    assert [cell.text for cell in body_rows(index)[0].xpath("./td")][-3:] == [".300", ".150", ".455"]
    for part, count in (("1", 31), ("2", 30)):
        tree = read(out / "task" / "t" / f"{part}.html")
        assert (
            len(tree.xpath("//table[@id='board']/thead//th")) - len(index.xpath("//table[@id='board']/thead//th"))
            == count - 1
        )
    assert index.xpath("//nav[@aria-label='Parts of this task']//a/@href") == ["../task/t/1.html", "../task/t/2.html"]


# --- the page of a system


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


# --- names, addresses, numbers


def test_names_of_files_are_safe_and_one_a_name() -> None:
    names = [
        "bm25",
        "BM25",
        "a/b",
        "a-b",
        "a b",
        "..",
        "../../etc/passwd",
        "",
        ".",
        "con",
        "x" * 300,
        "é",
        "日本",
        EVIL,
    ]
    names += ["a--b", "-a", "a-", "mini@dev", "\u202e", "nul.txt", f"{'x' * 300}y"]
    found = file_names(names)
    assert len(found) == len(set(names)) == len(set(found.values()))
    assert (found["bm25"], found["a-b"], found["mini@dev"]) == ("bm25", "a-b", "mini@dev")
    for name, stem in found.items():
        assert re.fullmatch(r"[a-z0-9_][a-z0-9_.@-]*", stem) and len(stem) <= 80 and ".." not in stem, name
        assert stem.split(".")[0] not in ("con", "nul")
    assert file_names(reversed(names)) == found
    assert not is_safe("a--12345678")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("https://example.org/a?b=c#d", True),
        ("http://example.org", True),
        ("javascript:alert(1)//http://x", False),
        ("data:text/html,x", False),
        ("https://user:secret@example.org", False),
        ("https://example.org/a b", False),
        ("https://example.org/\u202e", False),
        ("https://example.org/\"onclick='x'", False),
        ("//example.org", False),
        ("https://", False),
        (None, False),
    ],
)
def test_only_addresses_of_the_web_are_linked(text: object, fits: bool) -> None:
    assert (web_address(text) == text) if fits else web_address(text) is None


def test_colours_go_from_the_fifth_percentile_to_the_best() -> None:
    values = [i / 100 for i in range(101)]
    scale = scale_of(values)
    assert scale == Scale(0.05, 1.0)
    assert [scale.step(v) for v in (0.0, 0.05, 1.0)] == [0, 0, STEPS - 1]
    assert scale.step(0.05 + 0.95 / STEPS * 3.5) == 3
    assert Scale(0.5, 0.5).step(0.5) == STEPS // 2


def test_numbers_have_three_digits_and_a_real_minus() -> None:
    assert [number(v) for v in (0.0, 0.6974, 0.9996, 1.0)] == [".000", ".697", "1.000", "1.000"]
    assert [signed(v) for v in (0.012, -0.0042, 0.0001)] == ["+.012", "−.004", ".000"]
    assert Cell(0.5, "s").html(Scale(0, 1)) == '<td class="s">(.500)</td>'
    assert Cell(0.5, "f", '"<x>"').html(Scale(0, 1)) == '<td class="h6 f" title="&#34;&lt;x&gt;&#34;">.500<i>!</i></td>'
    assert Cell(None).html(Scale(0, 1)) == '<td class="no">–</td>'
    assert [size_text(n) for n in (None, 117653760, 7_600_000_000, 24_000_000_000, 950)] == [
        "",
        "118M",
        "7.6B",
        "24B",
        "950",
    ]


@pytest.mark.parametrize(
    ("system", "method"),
    [
        ({"bm25": {}}, "lexical"),
        ({"rrf": {}, "of": []}, "fusion"),
        ({"sum": {}, "of": []}, "fusion"),
        ({"reranker": {}, "depth": 9, "of": {"bm25": {}}}, "reranked"),
        ({"prf": {}, "of": {}}, "feedback"),
        ({"query": {}, "document": {"adapter": "multi-vector-encoder"}}, "late"),
        ({"query": {}, "document": {"adapter": "sparse-encoder"}}, "sparse"),
        ({"query": {}, "document": {"adapter": "sentence-transformers"}}, "dense"),
        ({}, None),
        ("bm25", None),
    ],
)
def test_how_a_system_retrieves_follows_from_its_identity(system: object, method: str | None) -> None:
    assert method_of(system) == method


def test_texts_that_cannot_be_seen_are_written_out() -> None:
    assert quoted("query: ") == '"query: "'
    assert quoted("a\n\u202e\x00") == '"a\\n\\u202e\\u0000"'
    recipe = recipe_of(stored("mini/bm25.json"))
    shared = dict(recipe.shared)
    assert shared["k"] == "100" and shared["document_text"] == "title and text" and "languages.query" in recipe.keys
    assert all(len(values) == len(recipe.keys) for _, values in recipe.differing)


@pytest.mark.slow
def test_one_system_has_one_page_whatever_its_sources_call_it() -> None:
    site = site_data(BOARD)
    named_so = {result["model"] for result in site.by_system["bge-m3"]}
    assert "BAAI/bge-m3" in named_so
    kinds = {result["kind"] for result in site.by_system["bm25"]}
    assert kinds == {"measured", "reported"}
    for name in site.by_task:
        keys = [row.key for row in rows_of(site, name).values()]
        assert len(keys) == len(set(keys)), name


@pytest.mark.slow
def test_the_board_of_this_repository_has_pages_below_a_megabyte(tmp_path: Path) -> None:
    built = build(BOARD, tmp_path / "site", cache=tmp_path / "cache")
    sizes = {path: path.stat().st_size for path in pages(built.out)}
    print(f"{built.files} files, {built.size / 1e6:.1f} MB, largest {built.largest.path}")
    assert len(sizes) > 400 and max(sizes.values()) < 1_000_000
