"""Model expressions that make no sense: what is meant, with a caret under the part."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.errors import InputError
from bench.registry import Registry
from bench.system import Options, resolve


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("bm25 >> prf(3)", "prf works on vectors, and bm25 has none of its own; rm3 is for bm25"),
        ("muse-small >> rm3(3)", "rm3 works on the words of bm25, and muse-small is no bm25; prf is for vectors"),
        ("muse-small >> prf(3, alpha=1)", "prf takes both alpha and beta, or neither"),
        ("muse-small >> prf(0)", "documents: expected a whole number from 1 on, found '0'"),
        ("bm25 >> rm3(3, original=2)", "original: expected a number from 0 to 1, found 2"),
        ("bm25 >> rm3(3, term=2)", "unknown option 'term': did you mean 'terms'?"),
        ("bm25 >> cross:muse-small", "the model 'muse-small' is of the kind embedded, not cross"),
        ("cross:muse-small", "cross: re-ranks what another model finds: a >> cross:NAME[100]"),
        ("bm25 >> crss:x", "unknown stage 'crss': did you mean 'cross'?"),
        ("sum(bm25)", "sum fuses two models or more"),
        ("sum(bm25, muse-small, norm=max)", "unknown norm 'max': did you mean 'minmax'?"),
        ("rrf(bm25*2, muse-small)", "rrf takes no weights, found bm25*2"),
        ("hyde(bm25)", "expected hyde(a, llm=URL#MODEL)"),
        ("hyde(bm25, llm=http://x)", "expected URL#MODEL for the language model, found 'http://x'"),
    ],
)
def test_mistakes_say_what_is_meant(expression: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        bench.run(expression, "mini", ["en"], cache=tmp_path, offline=True)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "caret"),
    [
        ("rrf(bm25, muse-smal)", "          ^"),
        ("sum(bm25, bm25, muse-smal*2)", "                ^"),
        ("rrf(bm25, rrrf(bm25, bm25))", "          ^"),
        ("rrf(rrf(bm25, bm25), rrf(bm25, bm25, k=0))", "                     ^"),
        ("bm25 >> rm3(3) >> crss:x", "                  ^"),
        ("sum(bm25*0.3, ptah:x*0.7)", "              ^"),
        ("sum(bm25, (bm25)", None),
        ("muse-smal", None),
        ("'muse smal'", None),
    ],
)
def test_a_mistake_in_a_part_is_shown_under_it(expression: str, caret: str | None) -> None:
    with pytest.raises(InputError) as caught:
        resolve(expression, Registry(), Options(offline=True))
    lines = str(caught.value).split("\n")
    if caret:
        assert lines[1:] == [f"  {expression}", f"  {caret}"]
        assert type(caught.value).exit_code == 2
    else:
        assert lines[0].startswith(("unknown model 'muse", "model expression: expected a model here"))
        assert len(lines) == (3 if "(" in expression else 1)
