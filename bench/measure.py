"""A measure is a value that prints exactly as it is typed: `nDCG@10`, `R@100`, `MRR@10`, `AP`, `bpref`.

The formulas are trec_eval's (usnistgov/trec_eval, m_*.c) but for `Judged@k`, which is the share of the documents at
the first k ranks that have a label at all, a negative one included, over the documents that are there (ir_measures'
definition). trec_eval 10's unj_k takes a negative label for none and divides by k. `R@2kt` and `R@5kt` are
XOR-Retrieve's recall of answers within so many thousand tokens (`bench.answer_recall`): they need no labels, but the
texts of the passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import InputError, unknown

# Base name -> (needs a cutoff, may have one, description). The order is that of `bench score --list`.
_BASES: dict[str, tuple[bool, bool, str]] = {
    "nDCG": (True, True, "normalised discounted cumulative gain, linear gain, ideal cut at k (ndcg_cut)"),
    "AP": (False, True, "average precision, over the whole ranking or its first k (map, map_cut)"),
    "R": (True, True, "relevant documents among the first k, of all relevant (recall)"),
    "P": (True, True, "relevant documents among the first k, of k (P)"),
    "RR": (False, False, "1 / rank of the first relevant document, no cut (recip_rank)"),
    "MRR": (True, True, "1 / rank of the first relevant document if among the first k, else 0 (recip_rank, -M k)"),
    "Success": (True, True, "1 if a relevant document is among the first k, else 0 (success)"),
    "Rprec": (False, False, "precision at R, R being the number of relevant documents (Rprec)"),
    "bpref": (False, False, "preference of judged relevant over judged non-relevant documents (bpref)"),
    "Judged": (True, True, "documents with a label among the first k, of those that are there"),
}

_THOUSAND = 1000

# (needs a cutoff, may have one) -> the ways to type it.
_FORMS: dict[tuple[bool, bool], tuple[str, ...]] = {
    (True, True): ("{}@{}",),
    (False, True): ("{}", "{}@{}"),
    (False, False): ("{}",),
}


@dataclass(frozen=True)
class Measure:
    """One measure: its base name and its cutoff in ranks or in tokens; both are None where it has none."""

    base: str
    cutoff: int | None = None
    tokens: int | None = None

    def __str__(self) -> str:
        if self.tokens is not None:
            return f"{self.base}@{self.tokens // _THOUSAND}kt"
        return self.base if self.cutoff is None else f"{self.base}@{self.cutoff}"

    @classmethod
    def parse(cls, text: str) -> Measure:
        """The measure that `text` names; InputError offers near names, or says what is wrong with the cutoff."""
        base, at, cut = text.strip().partition("@")
        if base not in _BASES:
            raise unknown("measure", text, _names_like(text), "bench score --list")
        if base == "R" and (budget := re.fullmatch(r"([1-9][0-9]{0,3})kt", cut)):
            return cls(base, tokens=int(budget[1]) * _THOUSAND)
        needs, may, _ = _BASES[base]
        if needs and not at:
            raise InputError(f"measure {text!r} needs a cutoff, such as {base}@10")
        if at and not may:
            raise InputError(f"measure {text!r} has no cutoff: write {base}")
        if at and not re.fullmatch(r"[1-9][0-9]{0,8}", cut):
            raise InputError(f"measure {text!r}: the cutoff must be a whole number from 1 to 999999999")
        return cls(base, int(cut) if at else None)

    @property
    def trec_name(self) -> str | None:
        """trec_eval's name of the measure with its parameter; None for `Judged@k` and `R@nkt`, which it lacks."""
        names = {"nDCG": "ndcg_cut", "R": "recall", "P": "P", "Success": "success", "Rprec": "Rprec", "bpref": "bpref"}
        if self.base == "AP":
            return "map" if self.cutoff is None else f"map_cut.{self.cutoff}"
        if self.base in ("RR", "MRR"):
            return "recip_rank"
        if self.base == "Judged" or self.tokens is not None:
            return None
        return names[self.base] if self.cutoff is None else f"{names[self.base]}.{self.cutoff}"

    @property
    def depth(self) -> int | None:
        """How many documents a query must retrieve for it, None where there is no such number.

        For a cutoff in tokens 100, as systems for XOR-Retrieve do, or enough passages of 50 tokens.
        """
        return self.cutoff if self.tokens is None else max(100, self.tokens // 50)


def _names_like(text: str) -> list[str]:
    """Every measure as it would be typed with the number that `text` ends in, else with the letter k."""
    digits = re.search(r"[0-9]+$", text)
    cut = digits[0] if digits else "k"
    return [form.format(base, cut) for base, (needs, may, _) in _BASES.items() for form in _FORMS[needs, may]]


def parse_measures(names: Iterable[str]) -> tuple[Measure, ...]:
    """Measures in the order given, each once; a name may itself be a list with commas. InputError if none is left."""
    names = tuple(names)
    parts = [part for name in names for part in name.split(",") if part.strip()]
    if not parts:
        raise InputError(f"no measure in {', '.join(names)!r} (bench score --list prints all)")
    return tuple(dict.fromkeys(Measure.parse(part) for part in parts))


def deepest_cut(measures: Iterable[Measure]) -> int | None:
    """The deepest cutoff among the measures, None if none has one: how many documents a query must retrieve."""
    return max((m.depth for m in measures if m.depth is not None), default=None)


def catalogue() -> list[tuple[str, str]]:
    """Every base name as it is written (`nDCG@k`, `AP[@k]`) with its description."""
    shown = {(True, True): "{}@k", (False, True): "{}[@k]", (False, False): "{}"}
    rows = [(shown[needs, may].format(base), text) for base, (needs, may, text) in _BASES.items()]
    return [*rows, ("R@nkt", "1 if an answer is in the first n thousand tokens, else 0 (XOR-Retrieve; by bench run)")]
