"""Systems that fuse the rankings of others: `rrf(a, b)`, `sum(a*0.3, b*0.7)`."""

from __future__ import annotations

from typing import Any

from bench.adapters.fusion import NORMS, Fusion, Rule, reciprocal_ranks, weighted_sum
from bench.errors import InputError, unknown
from bench.expression import Call, Weighted
from bench.grammar import parse_expression
from bench.retriever import Retriever
from bench.system.options import given, whole
from bench.system.value import Context, Setting, System, combined

RRF = "rrf(a, b, k=60, depth=1000)"
SUM = "sum(a*0.3, b*0.7, norm=minmax, depth=1000)"


def rrf(context: Context, tree: Call) -> System:
    """`rrf(a, b, .., k=60, depth=1000)`: reciprocal rank fusion of two systems or more."""
    options = given(tree, tree.options, ("k", "depth"), RRF)
    k, depth = whole(tree, options, "k", 60), whole(tree, options, "depth", 1000)
    weighted = next((argument for argument in tree.arguments if isinstance(argument, Weighted)), None)
    if weighted is not None:
        raise InputError(f"{tree}: rrf takes no weights, found {weighted}; {SUM} does")
    return _fused(context, tree, {"rrf": {"k": k, "depth": depth}}, reciprocal_ranks(k), depth)


def weighted(context: Context, tree: Call) -> System:
    """`sum(a*0.3, b*0.7, norm=minmax, depth=1000)`; an argument without a weight has 1."""
    options = given(tree, tree.options, ("norm", "depth"), SUM)
    norm, depth = options.get("norm", "minmax"), whole(tree, options, "depth", 1000)
    if norm not in NORMS:
        raise unknown("norm", norm, NORMS, f"{tree}: known: {', '.join(NORMS)}")
    weights = [float(part.weight) if isinstance(part, Weighted) else 1.0 for part in tree.arguments]
    stated = {"sum": {"weights": weights, "norm": norm, "depth": depth}}
    return _fused(context, tree, stated, weighted_sum(weights, norm), depth)


def _fused(context: Context, tree: Call, stated: dict[str, Any], rule: Rule, depth: int) -> System:
    if len(tree.arguments) < 2:
        raise InputError(f"{tree}: {tree.function} fuses two models or more")
    parts = [part.expression if isinstance(part, Weighted) else part for part in tree.arguments]
    members = tuple(context.part(part) for part in parts)

    def build(setting: Setting) -> Retriever:
        return Fusion(tuple(member.build(setting) for member in members), rule, depth)

    named = [parse_expression(member.name) for member in members]
    arguments = tuple(
        Weighted(name, part.weight) if isinstance(part, Weighted) else name
        for name, part in zip(named, tree.arguments, strict=True)
    )
    name = str(Call(tree.function, arguments, tree.options))
    return combined(name, stated | {"of": [member.identity for member in members]}, build, members)
