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
from typing import NamedTuple

from bench.errors import InputError, unknown

OWN = ""
"""In the place of trec_eval's name: trec_eval lacks the measure, and bench/scores.py has its formula."""


class _Base(NamedTuple):
    """trec_eval's name without a cutoff and with one, `{}` being its place, None where there is no such form."""

    uncut: str | None
    cut: str | None
    text: str

    @property
    def forms(self) -> list[str]:
        """The ways to type it, `{}` being the cutoff."""
        return [at for at, name in (("", self.uncut), ("@{}", self.cut)) if name is not None]


# By base name, in the order of `bench score --list`.
_BASES: dict[str, _Base] = {
    "nDCG": _Base(None, "ndcg_cut.{}", "normalised discounted cumulative gain, linear gain, ideal cut at k (ndcg_cut)"),
    "AP": _Base("map", "map_cut.{}", "average precision, over the whole ranking or its first k (map, map_cut)"),
    "R": _Base(None, "recall.{}", "relevant documents among the first k, of all relevant (recall)"),
    "P": _Base(None, "P.{}", "relevant documents among the first k, of k (P)"),
    "RR": _Base("recip_rank", None, "1 / rank of the first relevant document, no cut (recip_rank)"),
    "MRR": _Base(
        None, "recip_rank", "1 / rank of the first relevant document if among the first k, else 0 (recip_rank, -M k)"
    ),
    "Success": _Base(None, "success.{}", "1 if a relevant document is among the first k, else 0 (success)"),
    "Rprec": _Base("Rprec", None, "precision at R, R being the number of relevant documents (Rprec)"),
    "bpref": _Base("bpref", None, "preference of judged relevant over judged non-relevant documents (bpref)"),
    "Judged": _Base(None, OWN, "documents with a label among the first k, of those that are there"),
}

_THOUSAND = 1000


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
        if not at and _BASES[base].uncut is None:
            raise InputError(f"measure {text!r} needs a cutoff, such as {base}@10")
        if at and _BASES[base].cut is None:
            raise InputError(f"measure {text!r} has no cutoff: write {base}")
        if at and not re.fullmatch(r"[1-9][0-9]{0,8}", cut):
            raise InputError(f"measure {text!r}: the cutoff must be a whole number from 1 to 999999999")
        return cls(base, int(cut) if at else None)

    @property
    def trec_name(self) -> str | None:
        """trec_eval's name of the measure with its parameter; None for `Judged@k` and `R@nkt`, which it lacks."""
        if self.tokens is not None:
            return None
        base = _BASES[self.base]
        name = base.uncut if self.cutoff is None else base.cut
        return name.format(self.cutoff) if name else None

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
    return [name + form.format(cut) for name, base in _BASES.items() for form in base.forms]


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
    rows = [(name + _optional(base).format("k"), base.text) for name, base in _BASES.items()]
    return [*rows, ("R@nkt", "1 if an answer is in the first n thousand tokens, else 0 (XOR-Retrieve; by bench run)")]


def _optional(base: _Base) -> str:
    """What may follow the base name, in square brackets where it need not."""
    *uncut, last = base.forms
    return f"[{last}]" if uncut else last
