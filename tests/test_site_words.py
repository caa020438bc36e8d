"""Names of files, addresses, numbers and colours as the site has them."""

from __future__ import annotations

import re

import pytest
from console import CHECKOUT
from siteboards import EVIL

from bench.site.cells import Cell, number, signed
from bench.site.data import site_data
from bench.site.heat import STEPS, Scale, scale_of
from bench.site.names import file_names, is_safe, web_address
from bench.site.recipe import quoted
from bench.site.tasktable import rows_of
from bench.site.traits import method_of, size_text

BOARD = CHECKOUT / "leaderboards"


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


def test_colours_go_from_the_lowest_third_to_the_best() -> None:
    values = [i / 100 for i in range(101)]
    scale = scale_of(values)
    assert scale == Scale(0.33, 1.0)
    assert [scale.step(v) for v in (0.0, 0.33, 1.0)] == [0, 0, STEPS - 1]
    assert scale.step(0.33 + 0.67 / STEPS * 3.5) == 3
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
