"""Flags of imported results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from mteb_copies import REVISION

from bench.leaderboard.imported.flags import claims, revision_flag, score_flags, slight_ties


def test_a_zero_is_never_expected_and_a_low_language_is_where_it_is_not_claimed() -> None:
    main = {"ar": 0.0, "de": 0.6, "en": 0.8, "fr": 0.7, "th": 0.1}
    flags = score_flags(main, {}, {}, {}, unclaimed={"ar", "th"})
    assert [(f["check"], f["language"], f["seen"], f["limit"], f["expected"]) for f in flags] == [
        ("zero main score", "ar", 0.0, 0.0, False),
        ("far below the others", "ar", 0.0, float(np.median([0.6, 0.8, 0.7, 0.1])) / 2, True),
        ("far below the others", "th", 0.1, float(np.median([0.0, 0.6, 0.8, 0.7])) / 2, True),
    ]


def test_ties_are_noted_and_flagged_from_half_a_question_in_a_hundred() -> None:
    mrr, precision = {"ar": 0.5, "de": 0.5, "en": 0.5, "fr": 0.5}, {"ar": 0.52, "de": 0.504, "en": 0.50001}
    flags = score_flags({"ar": 0.5}, mrr, precision, {}, unclaimed=())
    assert [(f["check"], f["language"], f["seen"], f["limit"]) for f in flags] == [("ties at rank 1", "ar", 0.5, 0.52)]
    assert slight_ties(mrr, precision) == ["de"]


@pytest.mark.parametrize(
    ("claimed", "wanted", "expected"),
    [
        (None, ["tha-Thai"], True),
        (["eng-Latn"], ["tha-Thai"], False),
        (["eng-Latn"], ["eng-Latn", "tha-Thai"], False),
        (["ara-Latn"], ["arb-Arab"], True),
        (["zho-Hans"], ["cmn-Hant"], True),
        (["eng-Latn"], [], True),
    ],
)
def test_claims_are_by_language_and_macrolanguage(
    claimed: Sequence[str] | None, wanted: Sequence[str], expected: bool
) -> None:
    assert claims(claimed, wanted) is expected


@pytest.mark.parametrize(
    ("revision", "open_weights", "expected"),
    [(REVISION, True, None), ("main", True, False), ("1", False, True), ("external", None, False)],
)
def test_a_revision_is_a_commit(revision: str, open_weights: bool | None, expected: bool | None) -> None:
    flag = revision_flag(revision, open_weights)
    assert (flag and flag["expected"]) is expected
