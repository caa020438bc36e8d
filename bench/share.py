"""A share of the vector store: what one of several machines encodes of a task, so that a run finds all of it.

The shards of a language are numbered through, documents first and then questions, and dealt out in turn; each language
begins with the next part, so that small ones do not all fall to the first. They are the very shards of a run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.adapters.encoded import EncodedCorpus, Encodes
from bench.adapters.rewriting import Rewritten
from bench.budget import refuse_without_room
from bench.census import CountedCorpus, census_differences
from bench.cluster.engine import engine_of
from bench.collection import Source
from bench.engine import Engine
from bench.errors import InputError
from bench.locks import refuse_without_locks
from bench.opening import expected, open_all, questions_of, refuse, setting_of
from bench.plan import Plan
from bench.questions import Questions
from bench.retriever import Batched, Retriever, parts
from bench.scoring import batches_of
from bench.seeding import seeded
from bench.watch import Watch
from bench.workdir import sweep, workdir


@dataclass(frozen=True)
class Share:
    """One of `of` parts, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """The share that is written `2/3`; InputError for a part that there is not."""
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise InputError(f"--part {text}: expected i/n, such as 1/3 for the first of three parts")
        number, of = int(match[1]), int(match[2])
        if not 1 <= number <= of:
            there = f"the parts are 1/{of} to {of}/{of}" if of else "there must be a part"
            raise InputError(f"--part {text}: there is no such part: {there}")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, shard: int) -> bool:
        """Whether the shard with that number, from 0, is one of its own."""
        return shard % self.of == self.number - 1

    def texts(self, count: int, shard_size: int, first: int) -> int:
        """How many of `count` texts are its own where the first shard bears the number `first`."""
        own = (start for place, start in enumerate(range(0, count, shard_size)) if self.has(place + first))
        return sum(min(shard_size, count - start) for start in own)


@dataclass
class _Filled:
    """What came of one language: texts by whether they were found or made, and what is left to other processes."""

    documents: int = 0
    queries: int = 0
    shards: int = 0
    mine: int = 0
    encoded: int = 0
    reused: int = 0
    left: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, encoded: EncodedCorpus, mine: int) -> None:
        """Count the shards of one encoder, of which so many are the share's own."""
        there = [*encoded.shards, *encoded.query_shards]
        self.mine += mine
        self.left += mine - len(there)
        self.encoded += sum(shard.rows for shard in there if not shard.reused)
        self.reused += sum(shard.rows for shard in there if shard.reused)
        self.bytes += sum(shard.path.stat().st_size for shard in there)


def encode_share(plan: Plan, share: Share, watch: Watch) -> dict[str, Any]:
    """Encode a share of the plan's texts into the store; returns what `bench encode --json` prints.

    InputError where the system keeps no vectors; MissingError and StoppedError as in a run. Whatever stops it, finished
    shards are kept.
    """
    notes: list[str] = []
    sources = open_all(plan, notes)
    _refuse_without_vectors(plan)
    sweep(plan.places.cache)
    refuse_without_locks(plan.places.cache / "vectors")
    refuse_without_room(plan, sources, {}, share.of)
    known = [(expected(plan, subset), _first(plan, subset)) for subset in sources]
    texts = [share.texts(count, plan.shard_size, first) for count, first in known if count is not None]
    watch.plan(
        f"{plan.system.name} on {plan.task.name}, part {share}", sum(texts) if len(texts) == len(known) else None
    )
    languages = {}
    with engine_of(plan, watch, notes) as engine:
        for subset, source in sources.items():
            with seeded(plan.seed):
                languages[subset] = _fill(plan, share, subset, source, watch, engine)
            watch.end(subset)
    return _result(plan, share, languages, notes)


def _fill(plan: Plan, share: Share, subset: str, source: Source, watch: Watch, engine: Engine) -> _Filled:
    """The share's part of one language; the corpus is read to its end and compared with the pins, as in a run."""
    watch.begin(subset, None)
    questions = questions_of(plan, subset, source)
    found = _Filled(queries=len(questions.queries))
    with workdir(plan.places.cache) as folder:
        corpus = CountedCorpus(plan.task, subset, source, folder)
        retriever = plan.system.build(setting_of(plan, subset, folder, watch, engine))
        for part in parts(retriever):
            if isinstance(part, Encodes):
                _fill_one(plan, share, _first(plan, subset), retriever, part, corpus, questions, found)
        census = corpus.census(*questions)
        found.documents = census.documents
    refuse([d for d in census_differences(plan.task, subset, census, plan.split) if d.hard], plan, subset)
    found.seconds = {phase: round(seconds, 3) for phase, seconds in watch.seconds.items()}
    return found


def _fill_one(
    plan: Plan,
    share: Share,
    first: int,
    retriever: Retriever,
    part: Encodes,
    corpus: CountedCorpus,
    questions: Questions,
    found: _Filled,
) -> None:
    """The share's part of what one encoder makes."""
    encoded, number = part.encoded, first
    number += encoded.fill(corpus, lambda shard: share.has(shard + first))
    for texts in query_texts(plan, retriever, part, questions):
        start = number
        number += encoded.fill_queries(texts, lambda shard, start=start: share.has(shard + start))  # type: ignore[misc]
    found.shards += number - first
    found.add(encoded, sum(map(share.has, range(first, number))))


def query_texts(plan: Plan, retriever: Retriever, part: Encodes, questions: Questions) -> list[list[str]]:
    """The questions as the retriever will ask `part` for their vectors; none where they are rewritten before."""
    if any(isinstance(above, Rewritten) for above in parts(retriever)):
        return []
    batches = batches_of(plan, questions.queries, by_answers=questions.answers is not None)
    texts = [[query.text for query in batch] for batch in batches]
    return [[text for batch in texts for text in batch]] if isinstance(part, Batched) else texts


def _first(plan: Plan, subset: str) -> int:
    """The number of a language's first shard: its place on the card, whatever languages were asked for."""
    return list(plan.task.languages).index(subset)


def _refuse_without_vectors(plan: Plan) -> None:
    """InputError where nothing would be kept that a run could find."""
    if not plan.system.encoders:
        raise InputError(f"{plan.system.name}: keeps no vectors: there is nothing to encode beforehand")
    if plan.system.unresolved:
        raise InputError(f"{plan.system.unresolved}; without it vectors are kept for one run alone")


def _result(plan: Plan, share: Share, languages: dict[str, _Filled], notes: Sequence[str]) -> dict[str, Any]:
    left = sum(found.left for found in languages.values())
    others = [f"{left} shards are being encoded by another process and were left to it"] if left else []
    keys = ("encoded", "reused", "bytes")
    return {
        "format": 1,
        "model": plan.system.name,
        "task": plan.task_name,
        "split": plan.split,
        "part": str(share),
        "languages": {subset: dict(vars(found)) for subset, found in languages.items()},
        "missing": [subset for subset in plan.languages if subset not in languages],
        "vectors": {key: sum(vars(found)[key] for found in languages.values()) for key in keys},
        "seconds": {
            phase: round(sum(found.seconds.get(phase, 0.0) for found in languages.values()), 3)
            for phase in dict.fromkeys(phase for found in languages.values() for phase in found.seconds)
        },
        "notes": [*notes, *others],
    }
