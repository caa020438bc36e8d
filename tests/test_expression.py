"""Model expressions: what is understood, the one printed form, and where the caret of a mistake stands."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.expression import Call, Kind, Name, Stage, Staged, Weighted, leaves, stages
from bench.grammar import parse_expression, split_list

TREES = {
    "bm25": Name("bm25"),
    "hf:ORG/NAME@main": Kind("hf", "ORG/NAME@main"),
    "python:my.module:Model": Kind("python", "my.module:Model"),
    "'path:/data/my models (new)'": Kind("path", "/data/my models (new)"),
    "'a, b'": Name("a, b"),
    "'rrf(a, b)'": Name("rrf(a, b)"),
    "rrf(a, b)": Call("rrf", (Name("a"), Name("b"))),
    "rrf(a, b, k=60, depth=100)": Call("rrf", (Name("a"), Name("b")), (("k", "60"), ("depth", "100"))),
    "rrf(rrf(a, b, k=1), hf:x/y, k=2)": Call(
        "rrf", (Call("rrf", (Name("a"), Name("b")), (("k", "1"),)), Kind("hf", "x/y")), (("k", "2"),)
    ),
    "f('x=1', norm='a b')": Call("f", (Name("x=1"),), (("norm", "a b"),)),
    "rrf('資料', b)": None,
    "rrf()": Call("rrf", ()),
}


@pytest.mark.parametrize("text", TREES)
def test_the_printed_form_is_canonical(text: str) -> None:
    tree = parse_expression(text)
    assert TREES[text] is None or tree == TREES[text]
    assert parse_expression(str(tree)) == tree
    assert str(parse_expression(str(tree))) == str(tree)
    if "'資料'" not in text:
        assert str(tree) == text


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("  bm25 ", "bm25"),
        ("'bm25'", "bm25"),
        ("'hf:a/b'", "hf:a/b"),
        ("rrf(a,b)", "rrf(a, b)"),
        ("rrf ( a\t,b ,k = 60,depth='100' )", "rrf(a, b, k=60, depth=100)"),
        ("rrf( 'a b','c' )", "rrf('a b', c)"),
        ("rrf('資料', b)", "rrf(資料, b)"),
    ],
)
def test_other_spellings_print_in_the_one_form(typed: str, printed: str) -> None:
    assert str(parse_expression(typed)) == printed
    assert parse_expression(printed) == parse_expression(typed)


@pytest.mark.parametrize(
    ("typed", "message", "caret"),
    [
        ("", "expected a model here", "^"),
        ("   ", "expected a model here", "   ^"),
        ("a b", "expected the end here", "  ^"),
        ("a,b", "expected the end here", " ^"),
        ("a)", "expected the end here", " ^"),
        ("a*0.3", "expected the end here", " ^"),
        ("bm25 > cross:x", "expected '>>' here", "     ^"),
        ("bm25 >> x", "expected a stage here, such as cross:NAME, late:NAME, llm:NAME, prf(3) or rm3(10)", "        ^"),
        ("bm25 >>", "expected a stage, such as cross:NAME or prf(3) here", "       ^"),
        ("a >> cross:x[", "expected a number of documents and ']' here, such as [50]", "             ^"),
        ("a >> cross:x[0]", "expected a number of documents and ']' here, such as [50]", "             ^"),
        ("a >> cross:x[5] b", "expected the end here", "                ^"),
        ("a >> prf(3, prf(2))", "expected ',' or ')' here", "               ^"),
        ("sum(a*b)", "expected a weight here, such as 0.3", "      ^"),
        ("a*0.3", "expected the end here", " ^"),
        ("'a'(b)", "expected the end here", "   ^"),
        ("'abc", "the quote that opens here is not closed", "^"),
        ("rrf(a, 'b)", "the quote that opens here is not closed", "       ^"),
        ("''", "expected a model here, found empty quotes", "^"),
        ("rrf(", "expected a model here", "    ^"),
        ("rrf(, a)", "expected a model here", "    ^"),
        ("rrf(a,)", "expected a model here", "      ^"),
        ("rrf(a, )", "expected a model here", "       ^"),
        ("rrf(a", "expected ',' or ')' here", "     ^"),
        ("rrf(a b)", "expected ',' or ')' here", "      ^"),
        ("rrf(a\tb)", "expected ',' or ')' here", "      ^"),
        ("rrf(a, k=60 b)", "expected ',' or ')' here", "            ^"),
        ("rrf(a, K=60)", "expected ',' or ')' here", "        ^"),
        ("rrf(a, k=)", "expected a value here", "         ^"),
        ("rrf(a, k='')", "expected a value here, found empty quotes", "         ^"),
        ("rrf(k=60, a)", "options come after the models", "          ^"),
        ("rrf(a, k=1, k=2)", "the option 'k' is given twice", "            ^"),
        ("rrf(a, rrf(b c))", "expected ',' or ')' here", "             ^"),
        ("rrf(資料 b)", "expected ',' or ')' here", "         ^"),  # two wide characters take four columns
        ("rrf(กี่ b)", "expected ',' or ')' here", "      ^"),  # two marks take none
    ],
)
def test_a_mistake_is_shown_at_its_place(typed: str, message: str, caret: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_expression(typed)
    shown = typed.replace("\t", " ")
    assert str(caught.value) == f"model expression: {message}\n  {shown}\n  {caret}"


def test_the_leaves_are_the_models_from_left_to_right() -> None:
    tree = parse_expression("rrf(rrf(a, hf:b/c), 'd e', k=5)")
    assert list(leaves(tree)) == [Name("a"), Kind("hf", "b/c"), Name("d e")]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ,", ["a", "b"]),
        ("", []),
        (",,", []),
        ("rrf(a, b),c", ["rrf(a, b)", "c"]),
        ("rrf(a, rrf(b, c)), d", ["rrf(a, rrf(b, c))", "d"]),
        ("bm25 >> cross:x[50,3],y", ["bm25 >> cross:x[50,3]", "y"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("'a(',b", ["'a('", "b"]),
        ("rrf(')', a),b", ["rrf(')', a)", "b"]),
        ("'a,b", ["'a,b"]),
    ],
)
def test_a_list_splits_at_commas_outside_brackets_and_quotes(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("bm25>>cross:x", "bm25 >> cross:x"),
        ("bm25 >> cross:x [50]", "bm25 >> cross:x[50]"),
        ("m + prf(3)", "m >> prf(3)"),
        ("m+prf(3)", "m >> prf(3)"),
        ("hf:a/b+c", "hf:a/b+c"),
        ("sum( a * 0.3 , b*.7,norm=minmax)", "sum(a*0.3, b*.7, norm=minmax)"),
        (
            "rrf(a >> cross:x[5], b >> prf(3, alpha=0.4), k=1) >> late:y",
            "rrf(a >> cross:x[5], b >> prf(3, alpha=0.4), k=1) >> late:y",
        ),
        ("sum(a >> cross:x*0.5, b)", "sum(a >> cross:x*0.5, b)"),
        ("a >> 'cross:/my folder'[3]", "a >> 'cross:/my folder'[3]"),
        ("hyde(a, llm=http://h/v1#m)", "hyde(a, llm=http://h/v1#m)"),
    ],
)
def test_stages_and_weights_print_as_they_are_typed(typed: str, canonical: str) -> None:
    tree = parse_expression(typed)
    assert str(tree) == canonical
    assert parse_expression(canonical) == tree


def test_stages_bind_last_and_from_left_to_right() -> None:
    tree = parse_expression("rrf(a, b >> prf(3)) >> cross:x[50] >> rm3(10, terms=5)")
    assert isinstance(tree, Staged)
    assert tree.stage == Stage("rm3", None, ("10",), (("terms", "5"),))
    assert isinstance(tree.first, Staged)
    assert tree.first.stage == Stage("cross", "x", depth=50)
    assert isinstance(tree.first.first, Call)
    assert [str(stage) for stage in stages(tree)] == ["prf(3)", "cross:x[50]", "rm3(10, terms=5)"]
    assert list(leaves(tree)) == [Name("a"), Name("b")]


def test_a_weight_stays_as_it_was_typed() -> None:
    tree = parse_expression("sum(a*0.30, b)")
    assert tree == Call("sum", (Weighted(Name("a"), "0.30"), Name("b")))
