"""What is improbable in numbers that others computed: flags as measured results have them, from the scores alone.

The same flag means the same everywhere: `bench.flags` has the checks that need no more than means. A language far below
the others is expected where the model's own metadata claim languages, and not that one. A zero never is: those claims
are often narrower than the model, and even a random order finds something.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from bench.flags import far_below

CHECKS = {
    "zero main score": "the main score of a language is exactly 0: a tokenizer without its letters, or a broken run",
    "far below the others": "a language scores less than half of the median of the others",
    "ties at rank 1": "MRR@1 and P@1 are the same by definition; with equal scores mteb orders them in two ways",
    "main score differs": "mteb's main score is not the measure that it is elsewhere in this task",
    "not a number": "a score of the source was no number in [0, 1] and was left out",
    "revision not pinned": "open weights without a commit: nobody can tell which weights these were",
}

TIES = 0.005
"""How far MRR@1 may be from P@1: half a question in a hundred. Below that, a note says it."""
ROUNDING = 2e-5
"""What rounding to five and six decimals can make of two equal values."""

# ISO 639-3: individual languages of the tasks with their macrolanguages (SIL's table of macrolanguage mappings).
# Models mostly claim the macrolanguage.
_MACRO = {
    **dict.fromkeys(("acm", "acq", "aeb", "ajp", "apc", "arb", "ars", "ary", "arz"), "ara"),
    **{"als": "sqi", "azj": "aze", "cmn": "zho", "ekk": "est", "fuv": "ful", "gaz": "orm", "khk": "mon", "lvs": "lav"},
    **{"nno": "nor", "nob": "nor", "npi": "nep", "ory": "ori", "pbt": "pus", "pes": "fas", "plt": "mlg", "swh": "swa"},
    **{"uzn": "uzb", "ydd": "yid", "zsm": "msa", "ckb": "kur", "kmr": "kur"},
}


def claims(languages: Collection[str] | None, wanted: Sequence[str]) -> bool:
    """Whether a model that names its languages (`eng-Latn`) names those wanted; one that names none may claim all."""
    return not languages or _languages(tuple(wanted)) <= _languages(tuple(languages))


@cache
def _languages(codes: tuple[str, ...]) -> frozenset[str]:
    """The languages behind some codes; a model may claim hundreds."""
    return frozenset(map(_language, codes))


def _language(code: str) -> str:
    language = code.partition("-")[0]
    return _MACRO.get(language, language)


def is_pinned(revision: str) -> bool:
    """Whether a revision is a commit."""
    return re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def score_flags(
    main: Mapping[str, float],
    mrr_at_1: Mapping[str, float],
    p_at_1: Mapping[str, float],
    stated: Mapping[str, float],
    unclaimed: Collection[str],
) -> list[dict[str, Any]]:
    """Flags of one model on one task: values by subset, of the main measure, MRR@1, P@1 and mteb's own main score.

    `unclaimed` are the subsets of languages that the model does not claim: what is low there is expected. A subset that
    a mapping lacks has no such value.
    """
    zero = [_flag("zero main score", code, 0.0, 0.0, expected=False) for code, value in main.items() if value == 0]
    below = [
        _flag(flag.check, flag.language, flag.seen, flag.limit, flag.language in unclaimed) for flag in far_below(main)
    ]
    ties = [
        _flag("ties at rank 1", code, value, p_at_1[code], expected=False)
        for code, value in mrr_at_1.items()
        if code in p_at_1 and abs(value - p_at_1[code]) > TIES
    ]
    differs = [
        _flag("main score differs", code, value, main[code], expected=False)
        for code, value in stated.items()
        if code in main and value != main[code]
    ]
    return zero + below + ties + differs


def revision_flag(revision: str, open_weights: bool | None) -> dict[str, Any] | None:
    """The flag of a revision that is no commit; that of a model behind an interface can be none, which is expected."""
    if is_pinned(revision):
        return None
    return _flag("revision not pinned", "all", revision, "a commit", open_weights is False)


def dropped_flag(subset: str, key: str, seen: str) -> dict[str, Any]:
    """The flag of a value that was left out."""
    return _flag("not a number", subset, seen, key, expected=False)


def slight_ties(mrr_at_1: Mapping[str, float], p_at_1: Mapping[str, float]) -> list[str]:
    """The subsets where MRR@1 differs from P@1 by more than rounding, but not by enough for a flag."""
    both = {code: abs(value - p_at_1[code]) for code, value in mrr_at_1.items() if code in p_at_1}
    return [code for code, difference in both.items() if ROUNDING < difference <= TIES]


def _flag(check: str, language: str, seen: Any, limit: Any, expected: bool) -> dict[str, Any]:
    return {"check": check, "language": language, "seen": seen, "limit": limit, "expected": expected}
