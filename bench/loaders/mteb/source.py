"""One subset and split of one of mteb's tasks, loaded by mteb itself when it is first needed, and alone.

Only the subset used last is held: mteb's older tasks keep whole corpora in memory. What queries and documents are is
mteb's rule, not the data's: a query's own instruction follows its text, turns of a conversation are joined, queries
without judgments are left out, and so are judgments of queries that are not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.collection import OwnScore, Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.loaders.mteb.catalogue import PREFIX, supported
from bench.loaders.mteb.library import calling, release
from bench.places import Places
from bench.ranking import Run
from bench.task import Task

_BATCH = 1024


@dataclass(frozen=True)
class MtebSource:
    """A subset of a task class of mteb; mteb keeps its files itself, so there are none to name."""

    cls: Any
    subset: str
    split: str
    offline: bool

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return ()

    def passages(self) -> Iterator[Passage]:
        corpus = self._part("corpus")
        columns = [name for name in ("id", "title", "text") if name in corpus.column_names]
        for batch in corpus.select_columns(columns).iter(batch_size=_BATCH):
            titles = batch.get("title") or [""] * len(batch["id"])
            for row in zip(batch["id"], titles, batch["text"], strict=True):
                yield Passage(str(row[0]), row[1] or "", row[2] or "")

    def queries(self) -> list[Query]:
        judged = self._part("relevant_docs")
        return [Query(str(row["id"]), query_text(row)) for row in self._part("queries") if judged.get(row["id"])]

    def qrels(self) -> Qrels:
        judged = self._part("relevant_docs")
        return {query.id: {str(doc): int(label) for doc, label in judged[query.id].items()} for query in self.queries()}

    def own_score(self, run: Run) -> OwnScore:
        """The main score that mteb's own evaluator gives the run; it rounds most of them to 5 digits."""
        name, by = self.cls.metadata.main_score, release()
        task = _loaded(self.cls, self.subset, self.split, self.offline)
        try:
            with calling(offline=self.offline):
                scores = task.evaluate(_Replayed(run), split=self.split, subsets_to_run=[self.subset], encode_kwargs={})
            return OwnScore(name, by, float(scores[self.subset]["main_score"]))
        except Exception as error:  # Code of others, after all the encoding: what was measured must not be lost.
            return OwnScore(name, by, None, f"{type(error).__name__}: {error}")

    def _part(self, name: str) -> Any:
        return _loaded(self.cls, self.subset, self.split, self.offline).dataset[self.subset][self.split][name]


def open_source(task: Task, subset: str, split: str, places: Places) -> MtebSource:
    """The subset, not loaded yet; with --offline it is, to see that its data are there."""
    source = MtebSource(supported(task.name.removeprefix(PREFIX)), subset, split, places.offline)
    if places.offline:
        _loaded(source.cls, subset, split, places.offline)
    return source


def query_text(row: Mapping[str, Any]) -> str:
    """The text of a query as mteb gives it to encoders: with its own instruction, a conversation as one line.

    The instruction follows a text, and goes before a conversation.
    """
    text, instruction = row["text"], row.get("instruction")
    if isinstance(text, list):
        turns = [turn if isinstance(turn, str) else f"{turn['role']}: {turn['content']}" for turn in text]
        return "; ".join(turns) if "instruction" not in row else f"{instruction} {'; '.join(turns)}"
    return text if instruction is None else f"{text} {instruction}"


@dataclass(frozen=True)
class _Replayed:
    """A finished run as mteb's search protocol: whatever is asked for has been found already."""

    run: Run
    mteb_model_meta: Any = None

    def index(self, corpus: Any, **_: Any) -> None:
        """Nothing is left to do."""

    def search(self, queries: Any, **_: Any) -> dict[str, dict[str, float]]:
        found = {query: self.run.get(str(query)) for query in queries["id"]}
        return {q: dict(zip(r.docs, r.scores.tolist(), strict=True)) if r else {} for q, r in found.items()}


@lru_cache(maxsize=1)
def _loaded(cls: Any, subset: str, split: str, offline: bool) -> Any:
    """The task with the data of one subset and split, in mteb's present format."""
    meta = cls.metadata
    where = f"{PREFIX}{meta.name}, {subset}"
    with calling(offline=offline):
        try:
            task = cls().filter_languages(None, hf_subsets=[subset]).filter_eval_splits([split])
            task.load_data()
            task.convert_v1_dataset_format_to_v2(num_proc=None)
            part = task.dataset[subset][split]
        except Exception as error:  # Hundreds of loaders by others: whatever they raise, the data are not to be had.
            raise MissingError(f"{where}: {_unloaded(meta, error, offline)}") from error
    if part.get("top_ranked"):
        raise InputError(f"{where}: does not run here: its data name candidates for each query, a task of re-ranking")
    return task


def _unloaded(meta: Any, error: Exception, offline: bool) -> str:
    """What is missing, why, and how to get it."""
    path, revision = meta.dataset["path"], meta.dataset["revision"]
    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}".rstrip(".: ")
    how = (
        "run it once without --offline (or --dry-run), or bring the cache of the Hugging Face libraries (HF_HOME) from "
        "a machine that has it"
        if offline
        else "try again; a data set that is gated or not public needs HF_TOKEN"
    )
    return f"mteb cannot load the data set {path}, revision {revision}: {reason}; {how}"
