"""The tables of the tasks: their numbers against those of the entries, what is sure of them, parts of very wide ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from boards import MEASURE, store
from console import CHECKOUT
from sitepages import body_rows, read, written

from bench.leaderboard import entries, read_entry
from bench.leaderboard.audit.printed import Figure
from bench.site.cells import number
from bench.site.columns import parts_of
from bench.site.heat import Scale

BOARD = CHECKOUT / "leaderboards"


def test_a_task_shows_the_numbers_of_its_entries(site: Path, site_board: Path) -> None:
    tree = read(site / "task" / "mini.html")
    codes = tree.xpath("//table[@id='board']/thead//th/@data-code")
    found = {row.get("id"): dict(zip(codes, row.xpath("./td | ./th"), strict=True)) for row in body_rows(tree)}
    held = [entry for _, entry in entries(site_board) if entry.identity["task"] == "mini"]
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


def test_intervals_rank_intervals_and_groups_are_those_of_the_statistics(site: Path, site_board: Path) -> None:
    from bench.statistics import board_statistics

    found = board_statistics(site_board, "mini", "nDCG@10")
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
