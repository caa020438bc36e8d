"""A task card made of mteb's metadata: nothing is loaded, and the same release of mteb gives the same card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.loaders.mteb.catalogue import PREFIX, main_measure, supported
from bench.loaders.mteb.languages import sides
from bench.loaders.mteb.library import release
from bench.task import Licences, PinName, PinNote, Source, SplitPins, Subset, Task

_BESIDE = ("nDCG@10", "R@100")
_COUNTED: tuple[PinName, ...] = ("documents", "queries")

# SPDX identifiers of the licences that mteb writes otherwise than in capitals.
_SPDX = {
    "mit": "MIT",
    "apache-2.0": "Apache-2.0",
    "odc-by": "ODC-By-1.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
    "not specified": "unknown",
}


def task_card(name: str) -> Task:
    """The card of mteb's task of that name; InputError where there is none, or none that runs here."""
    cls = supported(name)
    meta = cls.metadata
    splits = tuple(meta.eval_splits)
    split = "test" if "test" in splits else splits[0]
    others = tuple(other for other in splits if other != split)
    licence = _licence(meta.license)
    main = main_measure(meta.main_score)
    path = meta.dataset["path"]
    return Task(
        name=PREFIX + meta.name,
        title=meta.name,
        description=" ".join(meta.description.split()),
        authors="see the citation" if meta.bibtex_citation else "unknown",
        citation=meta.bibtex_citation or "",
        loader="mteb",
        source=Source(name=path, revision=str(meta.dataset["revision"]), url=_address(path)),
        split=split,
        splits=others,
        # mteb joins (title + " " + text).strip(), or strips the text where there is no title: the rule here.
        document_text="title and text",
        **_instruction(cls),
        measures=tuple(dict.fromkeys((*([main] if main else []), *_BESIDE))),
        drop_query_id=bool(cls.ignore_identical_ids),
        empty_documents="keep",
        absent_documents="keep",
        licences=Licences(texts=licence, labels=licence),
        warnings=_warnings(meta),
        **_subsets(meta, split, others),
    )


def _instruction(cls: Any) -> dict[str, Any]:
    """The instruction for the queries; mteb's general one for retrieval where the task has none of its own."""
    prompt = cls.metadata.prompt
    text = prompt.get("query") if isinstance(prompt, Mapping) else prompt
    if prompt:
        return {"instruction": text or "", "instruction_source": release()}
    return {"instruction": cls.abstask_prompt, "instruction_source": f"{release()}, for all retrieval tasks"}


def _subsets(meta: Any, split: str, others: tuple[str, ...]) -> dict[str, Any]:
    """The rows of the card, with mteb's own counts as soft pins, and where these were read."""
    stats = meta.descriptive_stats or {}
    codes = meta.hf_subsets_to_langscripts
    # A split that some row lists would be missing from those that do not: all do, or none.
    listed = [split for split in others if any("queries" in _counts(stats, split, subset) for subset in codes)]
    rows = {}
    for subset in codes:
        query, document = sides(meta.name, codes[subset])
        counts = _counts(stats, split, subset)
        if any(_counts(stats, other, subset).get("documents") != counts.get("documents") for other in others):
            counts.pop("documents", None)  # A card has one number, and here every split has a corpus of its own.
        rows[subset] = Subset(
            query=query,
            document=document,
            source_code=codes[subset][0] if len(set(codes[subset])) == 1 else None,
            splits={other: SplitPins(queries=_counts(stats, other, subset).get("queries")) for other in listed},
            **counts,
        )
    note = PinNote(source=f"{release()}, descriptive statistics", strength="soft")
    return {"languages": rows, "pins": dict.fromkeys(_COUNTED, note) if stats else {}}


def _counts(stats: Mapping[str, Any], split: str, subset: str) -> dict[str, Any]:
    """`documents` and `queries` of a subset as far as mteb's descriptive statistics tell them."""
    of_split = stats.get(split) or {}
    row = (of_split.get("hf_subset_descriptive_stats") or {"default": of_split}).get(subset) or {}
    return {pin: row[f"num_{pin}"] for pin in _COUNTED if row.get(f"num_{pin}") is not None}


def _licence(name: str | None) -> str:
    if name is None or name in _SPDX:
        return _SPDX[name or "not specified"]
    return name.upper() if re.fullmatch(r"[a-z0-9.-]+", name) else name


def _address(path: str) -> str | None:
    """Of a data set on the Hugging Face hub; a local folder has none."""
    return f"https://huggingface.co/datasets/{path}" if re.fullmatch(r"[\w.-]+/[\w.-]+", path) else None


def _warnings(meta: Any) -> tuple[str, ...]:
    """What a reader of a score has to know."""
    found = []
    if meta.adapted_from:
        found.append(f"made from {', '.join(meta.adapted_from)}: its scores are not comparable with theirs")
    if meta.superseded_by:
        found.append(f"mteb has superseded it by {meta.superseded_by}")
    if meta.is_public is False:
        found.append("its data are not public")
    if len(meta.eval_splits) > 1:
        found.append(f"mteb's score of the whole task is a mean over its splits {', '.join(meta.eval_splits)}")
    return tuple(found)
