"""mteb's result file of one task, `TaskResult` as JSON (mteb 2), and the names that its tasks have for ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bench.measure import Measure

VERSION = "2.26.24"
"""The version of mteb whose names and revisions these are."""

_KEYS = {"nDCG": "ndcg", "AP": "map", "R": "recall", "P": "precision", "MRR": "mrr", "Success": "hit_rate"}


class MtebTask(NamedTuple):
    """A task of mteb: the revision of its data, its main measure, and the languages of each of its subsets."""

    name: str
    revision: str
    main: str
    languages: Mapping[str, str]


def _codes(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\S+) (\S+)", text))


TASKS = {
    "miracl": MtebTask(
        "MIRACLRetrieval",
        "9c09abc13478308c27598f350e31d8f06b9b5481",
        "nDCG@10",
        _codes(
            "ar ara-Arab bn ben-Beng de deu-Latn en eng-Latn es spa-Latn fa fas-Arab fi fin-Latn fr fra-Latn "
            "hi hin-Deva id ind-Latn ja jpn-Jpan ko kor-Kore ru rus-Cyrl sw swa-Latn te tel-Telu th tha-Thai "
            "yo yor-Latn zh zho-Hans"
        ),
    ),
    "mrtydi": MtebTask(
        "MrTidyRetrieval",
        "fc24a3ce8f09746410daee3d5cd823ff7a0675b7",
        "nDCG@10",
        _codes(
            "arabic ara-Arab bengali ben-Beng english eng-Latn finnish fin-Latn indonesian ind-Latn japanese jpn-Jpan "
            "korean kor-Kore russian rus-Cyrl swahili swa-Latn telugu tel-Telu thai tha-Thai"
        ),
    ),
    "xquad": MtebTask(
        "XQuADRetrieval",
        "194842d6a49baddf6cd3f4d5130ab3c7756268d2",
        "nDCG@10",
        _codes(
            "ar arb-Arab de deu-Latn el ell-Grek en eng-Latn es spa-Latn hi hin-Deva ro ron-Latn ru rus-Cyrl "
            "th tha-Thai tr tur-Latn vi vie-Latn zh zho-Hans"
        ),
    ),
}
"""mteb's tasks that are a card's, by the card's name."""


def key_of(measure: str) -> str:
    """The key that mteb has for a measure (`ndcg_at_10`); one that mteb does not have keeps our spelling."""
    parsed = Measure.parse(measure)
    known = parsed.base in _KEYS and parsed.cutoff is not None
    return f"{_KEYS[parsed.base]}_at_{parsed.cutoff}" if known else measure


class Row(NamedTuple):
    """The scores of one subset of one split; `scores` are by mteb's keys, without those that have no value."""

    split: str
    subset: str
    languages: list[str]
    version: str | None
    main: float | None
    scores: Mapping[str, float]


def task_result(
    name: str,
    revision: str,
    rows: Iterable[Row],
    seconds: float | None = None,
    status: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON object; `status` stands under `bench`, which mteb passes over."""
    scores: dict[str, list[dict[str, Any]]] = {}
    versions: set[str] = set()
    for row in rows:
        versions |= {row.version} if row.version else set()
        own = {"mteb_version": row.version} if row.version else {}
        named = {"hf_subset": row.subset, "languages": row.languages}
        scores.setdefault(row.split, []).append({**row.scores, "main_score": row.main, **named, **own})
    return {
        "dataset_revision": revision,
        "task_name": name,
        "mteb_version": _span(versions),
        "scores": scores,
        "evaluation_time": seconds,
        "kg_co2_emissions": None,
        **({"bench": dict(status)} if status else {}),
    }


def _span(versions: set[str]) -> str | None:
    """One version, or the first and the last as mteb writes them where subsets were computed with several."""
    ordered = sorted(versions, key=lambda text: [int(part) for part in re.findall(r"[0-9]+", text)])
    return "-".join(dict.fromkeys((ordered[0], ordered[-1]))) if ordered else None
