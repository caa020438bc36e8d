"""What of mteb runs here, and why the rest does not. Looks at metadata alone: nothing is loaded or downloaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from bench.errors import InputError, unknown
from bench.loaders.mteb.languages import CODE, sides
from bench.loaders.mteb.library import derives, tasks

PREFIX = "mteb:"

_RERANKING = "ranks a given list of candidates for each query, not a corpus"
_MODALITIES = "has queries or documents that are not text alone"
_AGGREGATE = "is the mean of other tasks, which run by themselves"
_SKIPPING = "leaves out the first result of every query"
_SCORE = "has a main score that a run and judgments do not give"
_OTHER = "is not retrieval"

# mteb's names of measures: `<base>_at_<k>`, and accuracy, which it defines as recall at 1.
_BASES = {"ndcg": "nDCG", "map": "AP", "recall": "R", "precision": "P", "mrr": "MRR", "hit_rate": "Success"}


class Offer(NamedTuple):
    """One of mteb's tasks; `reason` says why it does not run here, None if it does.

    `type` is mteb's; `group` says of a task that runs how its languages lie, and is empty for others. `languages` are
    BCP-47 codes of queries and documents, `subsets` how many it has.
    """

    name: str
    type: str
    category: str
    modalities: tuple[str, ...]
    group: str
    languages: tuple[str, ...]
    subsets: int
    splits: tuple[str, ...]
    main_score: str
    superseded_by: str | None
    public: bool
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """The offer for JSON."""
        return {**self._asdict(), "name": PREFIX + self.name, "supported": self.reason is None}


def offers() -> list[Offer]:
    """All tasks of the installed mteb, retrieval or not, in the order of their names."""
    found = tasks()
    return [_offer(found[name]) for name in sorted(found, key=str.lower)]


class Group(NamedTuple):
    """Tasks of one type that run here and cross the same, or that do not for the same reason."""

    type: str
    what: str
    supported: bool
    tasks: int


def grouped(offered: Iterable[Offer]) -> list[Group]:
    """The tasks counted by type and `what`: first those that run, last what is not retrieval, large before small."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    for offer in offered:
        of = "all others" if offer.reason == _OTHER else offer.type
        counts[of, offer.reason or offer.group, offer.reason is None] += 1
    groups = [Group(*key, count) for key, count in counts.items()]
    return sorted(groups, key=lambda g: (not g.supported, g.what == _OTHER, -g.tasks, g.type))


def supported(name: str) -> Any:
    """The class of a task that runs here, by mteb's own name.

    InputError with the nearest names where mteb has none of that name, or with the reason why it does not run.
    """
    found = tasks()
    if name not in found:
        near = [PREFIX + other for other in found]
        raise unknown("task", PREFIX + name, near, "bench tasks list --mteb")
    cls = found[name]
    reason = _reason(cls)
    if reason:
        parts = ", ".join(PREFIX + part.metadata.name for part in _parts(cls))
        raise InputError(
            f"{PREFIX}{name} does not run here: it {reason}{': ' if parts else ''}{parts} (bench tasks list --mteb)"
        )
    return cls


def main_measure(score: str) -> str | None:
    """The name here of a score as mteb names it, such as `nDCG@10` of `ndcg_at_10`; None where there is none."""
    if score == "accuracy":
        return "R@1"
    match = re.fullmatch(r"(\w+)_at_([1-9][0-9]*)", score)
    return f"{_BASES[match[1]]}@{match[2]}" if match and match[1] in _BASES else None


def _offer(cls: Any) -> Offer:
    meta = cls.metadata
    pairs = [sides(meta.name, codes) for codes in meta.hf_subsets_to_langscripts.values()]
    reason = _reason(cls)
    return Offer(
        name=meta.name,
        type=meta.type,
        category=meta.category or "",
        modalities=tuple(sorted(meta.modalities)),
        group="" if reason else _group(pairs),
        languages=tuple(sorted({language for pair in pairs for language in pair})),
        subsets=len(pairs),
        splits=tuple(meta.eval_splits),
        main_score=meta.main_score,
        superseded_by=meta.superseded_by,
        public=meta.is_public is not False,
        reason=reason,
    )


def _group(pairs: list[tuple[str, str]]) -> str:
    if any(CODE in pair for pair in pairs):
        return "with program code"
    if any(query != document for query, document in pairs):
        return "across languages"
    return "in one language" if len(set(pairs)) == 1 else "in several languages"


def _reason(cls: Any) -> str | None:
    """Why a task does not run here, as a clause that continues `it`."""
    from mteb.abstasks import AbsTaskRetrieval

    meta = cls.metadata
    if _parts(cls) and meta.type == "Retrieval":
        return _AGGREGATE
    if not derives(cls, AbsTaskRetrieval):
        return _OTHER
    if list(meta.modalities) != ["text"]:
        return _MODALITIES
    if meta.type.endswith("Reranking"):
        return _RERANKING
    if cls.skip_first_result:
        return _SKIPPING
    own = cls.task_specific_scores is not AbsTaskRetrieval.task_specific_scores
    return None if own or main_measure(meta.main_score) else _SCORE


def _parts(cls: Any) -> list[Any]:
    """The tasks that a task is the mean of."""
    return list(getattr(cls.metadata, "tasks", None) or ())
