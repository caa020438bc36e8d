"""What a system must return, by brute force: one text at a time, in float64, and Python's own sort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import exp, log
from typing import Any

import numpy as np
from conforming import Place, by_last_word, made_up

from bench.analysis import Analysis
from bench.collection import Doc, Query
from bench.registry import Registry

Scores = dict[str, float]
Oracle = Callable[[Place, Sequence[Doc], Query], Scores]
"""The score of every document that a system returns for a query."""


def one_order(scores: Mapping[str, float], k: int | None = None) -> tuple[list[str], list[float]]:
    """Descending as float32, then by the id's bytes, descending: spelled out with Python's own sort."""
    rounded = {i: float(np.float32(score)) for i, score in scores.items()}
    ids = sorted(rounded, key=lambda i: (rounded[i], i.encode()), reverse=True)[:k]
    return ids, [rounded[i] for i in ids]


def analysis() -> Callable[[str], Any]:
    return Analysis.parse(_settings()["languages"]["en"], "en").analyse


@cache
def _settings() -> dict[str, Any]:
    return Registry().model("bm25").settings


def bm25(
    docs: Sequence[Doc],
    weights: Mapping[str, float],
    analyse: Callable[[str], Any] | None = None,
    constants: tuple[float, float] | None = None,
) -> Scores:
    """The sum over weighted terms, by the formula, of documents that have one of them."""
    analyse = analyse or analysis()
    k1, b = constants or (_settings()["k1"], _settings()["b"])
    bags = {doc.id: Counter(analyse(doc.text)) for doc in docs}
    mean = sum(bag.total() for bag in bags.values()) / len(bags)
    scores: Scores = {}
    for term, weight in weights.items():
        df = sum(term in bag for bag in bags.values())
        idf = log(1 + (len(bags) - df + 0.5) / (df + 0.5)) if df else 0.0
        for i, bag in bags.items():
            if term in bag:
                part = weight * idf * bag[term] / (bag[term] + k1 * (1 - b + b * bag.total() / mean))
                scores[i] = scores.get(i, 0.0) + part
    return scores


def lexical(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    return bm25(docs, Counter(analysis()(query.text)))


def of_mteb(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    """Mteb's BM25 as it states itself: bm25s with English stop words and stemmer, k1 1.5, b 0.75, all documents."""
    import bm25s
    from Stemmer import Stemmer

    def analyse(text: str) -> list[str]:
        return bm25s.tokenize(
            [text], stopwords="en", stemmer=Stemmer("english"), return_ids=False, show_progress=False
        )[0]

    if not query.text.strip():
        return {}
    return dict.fromkeys((doc.id for doc in docs), 0.0) | bm25(docs, Counter(analyse(query.text)), analyse, (1.5, 0.75))


def rm3(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    """Three documents, ten terms, half of the weight for the query."""
    analyse = analysis()
    asked, first = Counter(analyse(query.text)), lexical(place, docs, query)
    ids, scores = one_order(first, 3)
    texts = dict(docs)
    model: Counter[str] = Counter()
    for i, score in zip(ids, scores, strict=True):
        bag = Counter(analyse(texts[i]))
        for term, count in bag.items():
            model[term] += score / sum(scores) * count / bag.total()
    kept = sorted(model, key=lambda term: (-model[term], term))[:10]
    share = 0.5 if kept else 1.0
    weights = {term: share * count / asked.total() for term, count in asked.items()}
    for term in kept:
        weights[term] = weights.get(term, 0.0) + 0.5 * model[term] / sum(model[t] for t in kept)
    return bm25(docs, weights)


_VECTORS: dict[tuple[Any, ...], np.ndarray] = {}


def vectors(place: Place, name: str, text: str, side: Any) -> np.ndarray:
    """The vectors of one text, encoded by itself: (1, d), or one a token."""
    key = (place.root, name, text, side)
    if key not in _VECTORS:
        (encoder,) = place.known(name).encoders
        row = encoder.encode([text], side, "hi" if side == "query" else "en")
        row = row[0] if isinstance(row, list) else row.toarray() if hasattr(row, "toarray") else row
        _VECTORS[key] = np.asarray(row, dtype=np.float64)
    return _VECTORS[key]


def inner(name: str) -> Oracle:
    """Inner products, of all documents."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        own = vectors(place, name, query.text, "query")[0]
        return {doc.id: float(own @ vectors(place, name, doc.text, "document")[0]) for doc in docs}

    return scores


def sparse(name: str) -> Oracle:
    """Inner products, of the documents that share a term with the query."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        found = inner(name)(place, docs, query)
        return {doc: score for doc, score in found.items() if score > 0}

    return scores


def maxsim(name: str, *, mean: bool = False) -> Oracle:
    """The best match of every vector of the query, summed, of all documents; a query without a vector finds none."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        own = vectors(place, name, query.text, "query")
        found: Scores = {}
        for doc in docs if len(own) else ():
            theirs = vectors(place, name, doc.text, "document")
            best = (own @ theirs.T).max(axis=1) if len(theirs) else np.zeros(1)
            found[doc.id] = float(best.mean() if mean else best.sum())
        return found

    return scores


def rrf(members: Sequence[Oracle], constant: int = 60, depth: int = 1000) -> Oracle:
    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        found: Scores = {}
        for member in members:
            for number, doc in enumerate(one_order(member(place, docs, query), depth)[0], start=1):
                found[doc] = found.get(doc, 0.0) + 1 / (constant + number)
        return found

    return scores


def weighted_sum(members: Sequence[tuple[Oracle, float]]) -> Oracle:
    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        found: Scores = {}
        for member, weight in members:
            own = member(place, docs, query)
            low, high = min(own.values(), default=0), max(own.values(), default=0)
            for doc, score in own.items():
                found[doc] = found.get(doc, 0.0) + weight * ((score - low) / (high - low) if high > low else 1)
        return found

    return scores


def reranked(second: Oracle, depth: int = 8) -> Oracle:
    """The first documents of bm25 by another oracle; the rest goes on below them in steps of 1."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        order, texts = one_order(lexical(place, docs, query))[0], dict(docs)
        head = second(place, [Doc(i, texts[i]) for i in order[:depth]], query)
        lowest = min(head.values(), default=0.0)
        return head | {doc: lowest - place for place, doc in enumerate(order[depth:], start=1)}

    return scores


def places(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    """The order of the stub's language model, as numbers from the end."""
    order = by_last_word([doc.text for doc in docs])
    return {docs[number].id: float(len(docs) - i) for i, number in enumerate(order)}


def logits(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    """The logits of transformers alone, a pair at a time."""
    import torch

    model, tokenizer = _classifier(place)
    found: Scores = {}
    with torch.no_grad():
        for doc in docs:
            pair = tokenizer(query.text, doc.text, truncation="longest_first", max_length=512, return_tensors="pt")
            found[doc.id] = float(model(**pair).logits[0, 0])
    return found


def sigmoids(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
    """What the library's cross-encoder makes of its logit unless it is told otherwise, as mteb calls it."""
    return {doc: 1 / (1 + exp(-logit)) for doc, logit in logits(place, docs, query).items()}


@cache
def _classifier(place: Place) -> Any:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = place.root / "cross"
    return AutoModelForSequenceClassification.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def feedback(name: str, depth: int = 3) -> Oracle:
    """The average of the query's vector and those of its first documents."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        texts = dict(docs)
        first = one_order(inner(name)(place, docs, query), depth)[0]
        rows = [vectors(place, name, texts[i], "document")[0] for i in first]
        moved = np.mean([vectors(place, name, query.text, "query")[0], *rows], axis=0)
        return {doc.id: float(moved @ vectors(place, name, doc.text, "document")[0]) for doc in docs}

    return scores


def rewritten(form: str) -> Oracle:
    """Bm25 for the query that a language model made."""

    def scores(place: Place, docs: Sequence[Doc], query: Query) -> Scores:
        text = form.format(query=query.text, reply=made_up(query.text))
        return lexical(place, docs, Query(query.id, text))

    return scores
