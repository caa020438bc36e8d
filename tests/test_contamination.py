"""Contamination: real models whose makers say what they were trained on, and what is unknown is never clean."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from boards import store
from console import call

from bench.contamination import STATES, Statement, contamination, joined, nothing_known
from bench.formats.mteb import TASKS
from bench.leaderboard.imported import imported_models
from bench.leaderboard.imported.importing import LISTED
from bench.leaderboard.training import TrainingData
from bench.places import shipped
from bench.registry import Registry
from bench.relatives import FAMILIES, OURS, family_of, is_language_model, same_set

BOARD = Path(__file__).parents[1] / "leaderboards"
E5, BGE, MINILM = "intfloat/multilingual-e5-small", "BAAI/bge-m3", "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def training() -> TrainingData:
    if not (BOARD / "imported").is_dir():
        pytest.skip("no imported numbers on the board of this checkout")
    return TrainingData(BOARD)


def state(training: TrainingData, model: str, task: str, kind: str = "imported", **rest: Any) -> tuple[str, str | None]:
    found = training.of({"kind": kind, "model": model, "task": task, **rest})
    assert found["source"], "every state has its source, or the reason why nothing is known"
    return found["state"], found["through"]


# --- real cases


@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        (E5, "miracl", ("declared", "MIRACLRetrieval")),
        (E5, "mrtydi", ("declared", "MrTidyRetrieval")),
        (E5, "mmarco", ("declared", "mMARCO-NL")),
        (E5, "msmarco", ("declared", "MSMARCO")),
        (E5, "mteb:MIRACLRetrievalHardNegatives", ("declared", "MIRACLRetrieval")),
        (E5, "mteb:NQ", ("declared", "NQ")),
        (E5, "mteb:GermanQuAD-Retrieval", ("no", None)),
        (BGE, "miracl", ("declared", "MIRACLRetrieval")),
        (BGE, "mrtydi", ("declared", "MrTidyRetrieval")),
        (BGE, "xquad", ("no", None)),
        (MINILM, "msmarco", ("declared", "MSMARCO")),
        (MINILM, "miracl", ("no", None)),
        (MINILM, "xquad", ("declared", "SQuAD 2.0")),
        ("mteb/baseline-random-encoder", "miracl", ("no", None)),
        ("mteb/baseline-bm25s", "miracl", ("unknown", None)),
        ("nobody/heard-of-it", "miracl", ("unknown", None)),
    ],
)
def test_what_the_makers_say(training: TrainingData, model: str, task: str, expected: tuple[str, str | None]) -> None:
    assert state(training, model, task) == expected


@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        ("all-minilm-l6-v2", "xquad", ("declared", "SQuAD 2.0")),
        ("all-minilm-l6-v2", "xquad-r", ("declared", "SQuAD 2.0")),
        ("all-minilm-l6-v2", "mmarco", ("declared", "MS MARCO")),
        ("all-minilm-l6-v2", "miracl@train", ("no", None)),
        ("me5-small-q4", "miracl", ("inherited", "MIRACLRetrieval")),
        ("multilingual-e5-small", "miracl", ("declared", "MIRACLRetrieval")),
        ("bm25", "miracl", ("no", None)),
        ("rrf(bm25, me5-small-q4)", "miracl", ("inherited", "MIRACLRetrieval")),
        ("sum(bm25*0.5, bge-m3*0.5)", "mrtydi", ("declared", "MrTidyRetrieval")),
        ("bm25 >> rm3(10)", "xquad", ("no", None)),
        ("bm25 >> cross:someone/ranker[50]", "xquad", ("unknown", None)),
        (f"bm25 >> cross:{E5}[50]", "miracl", ("declared", "MIRACLRetrieval")),
        ("translate(bm25, llm=http://localhost#m)", "xor-retrieve", ("unknown", None)),
        (f"hf:{E5}@fd1525a9fd15316a2d503bf26ab031a61d056e98", "miracl", ("declared", "MIRACLRetrieval")),
        (f"mteb:{BGE}", "miracl", ("declared", "MIRACLRetrieval")),
        ("path:mine", "miracl", ("unknown", None)),
        ("run:theirs", "miracl", ("unknown", None)),
        ("=cmd|'", "miracl", ("unknown", None)),
        ("bge-m3", "path:docs", ("unknown", None)),
        ("bge-m3", "mini", ("no", None)),
        ("swim-x", "xor-retrieve", ("no", None)),
    ],
)
def test_measured_systems(training: TrainingData, model: str, task: str, expected: tuple[str, str | None]) -> None:
    assert state(training, model, task, "measured") == expected


def test_reported_systems_are_those_of_the_cards_that_name_them(training: TrainingData) -> None:
    assert state(training, "mdpr-x (XOR)", "xor-retrieve", "reported") == ("declared", "XOR-Retrieve")
    assert state(training, "mcontriever-x (MS MARCO + MIRACL)", "mrtydi", "reported") == ("declared", "MIRACLRetrieval")
    assert state(training, "whatever", "miracl", "reported", system="bm25") == ("no", None)
    assert state(training, "dr-decr", "xor-retrieve", "reported") == ("unknown", None)


def test_every_imported_row_without_a_word_on_training_is_unknown(training: TrainingData) -> None:
    """mteb's own `training_datasets` is the oracle: none there and no card of ours means unknown, never clean."""
    models = imported_models(BOARD)
    stated = {name for (name, _), model in models.items() if model.training_datasets is not None}
    carded = {card.mteb for card in map(Registry().model, Registry().model_names()) if card.mteb}
    seen: Counter[str] = Counter()
    for name, revision in models:
        found = training.of({"kind": "imported", "model": name, "task": "miracl", "origin": {"revision": revision}})
        seen[found["state"]] += 1
        if name not in stated | carded | {MINILM}:
            assert found["state"] == "unknown", name
        own = models[name, revision].training_datasets
        if own is not None and "MIRACLRetrieval" in json.loads(own):
            assert (found["state"], found["how"]) == ("declared", "itself")
    assert seen["declared"] >= 70
    assert seen["unknown"] >= 100


def test_training_data_of_another_revision_say_so(training: TrainingData) -> None:
    revision = "e4ce9877abf3edfe10b0d82785e83bdcb973e22e"
    found = training.of({"kind": "imported", "model": E5, "task": "miracl", "origin": {"revision": revision}})
    assert (found["state"], found["source"]) == ("declared", "mteb's metadata of another revision")


def test_what_a_model_was_made_from_is_inherited(training: TrainingData) -> None:
    found = training.of({"kind": "imported", "model": "dragonkue/multilingual-e5-small-ko-v2", "task": "miracl"})
    assert (found["state"], found["through"]) == ("inherited", "MIRACLRetrieval")


# --- the rule


def said(*names: str, inherited: tuple[str, ...] = (), left_open: tuple[str, ...] = ()) -> Statement:
    return Statement("s", {n: () for n in names}, {n: () for n in inherited}, left_open)


def test_languages_and_splits_that_are_concerned() -> None:
    mrtydi = contamination("miracl", [said("MrTidyRetrieval")])
    assert mrtydi["how"] == "questions"
    assert mrtydi["languages"] == ["ar", "bn", "en", "fi", "id", "ja", "ko", "ru", "sw", "te", "th"]
    own = contamination("miracl", [Statement("s", {"MIRACLRetrieval": ["train"]}, {})])
    assert (own["how"], own["splits"], len(own["languages"])) == ("itself", ["train"], 16)
    assert set(Registry().task("miracl").languages) - set(own["languages"]) == {"de", "yo"}
    assert contamination("miracl", [Statement("s", {"MIRACLRetrieval": ["dev"]}, {})])["languages"] is None
    dutch = contamination("mmarco", [said("mMARCO-NL")])
    assert (dutch["how"], dutch["languages"]) == ("itself", ["nl"])
    both = contamination("mmarco", [said("mMARCO-NL", "MSMARCO")])
    assert (both["through"], both["languages"], both["also"]) == ("mMARCO-NL", None, ["MSMARCO"])


def test_the_states() -> None:
    assert contamination("xquad", [])["state"] == "unknown"
    assert contamination("xquad", [said("NQ")])["state"] == "no"
    assert contamination("xquad", [said()])["state"] == "no"
    assert contamination("xquad", [said("squad", inherited=("XQuAD",))])["state"] == "declared"
    assert contamination("xquad", [said("NQ", inherited=("SQuAD",))])["state"] == "inherited"
    left_open = contamination("xquad", [said("NQ", left_open=("data/bge-m3-custom",))])
    assert left_open["state"] == "unknown"
    assert "nothing is said of data/bge-m3-custom" in left_open["source"]
    assert contamination("path:x", [said("NQ")])["state"] == "unknown"
    assert contamination("mteb:FiQA2018", [said("FiQA2018")])["state"] == "declared"


def test_a_system_is_as_trained_as_its_most_trained_part() -> None:
    clean, trained = contamination("xquad", [said()]), contamination("xquad", [said("SQuAD")])
    assert joined([("a", clean), ("b", trained)])["state"] == "declared"
    assert joined([("a", clean), ("b", trained)])["source"] == "b: s"
    assert joined([("a", clean), ("b", nothing_known("?"))])["state"] == "unknown"
    assert joined([("a", clean), ("b", clean)])["state"] == "no"


def test_names_are_compared_without_capitals_and_punctuation() -> None:
    assert same_set("Mr. TyDi", "mrtydi")
    assert same_set("MMARCO", "mMARCO")
    assert not same_set("MSMARCO", "mMARCO")
    assert not same_set("NQ", "NQ-NL")


# --- the table of relatives


def test_every_task_of_this_project_has_its_relatives() -> None:
    known = {task for family in FAMILIES for task in family.tasks} | set(OURS)
    assert {path.stem for path in shipped("tasks").glob("*.yaml")} <= known
    assert len(known) == sum(len(family.tasks) for family in FAMILIES) + len(OURS), "a task is of one family"
    for ours in LISTED.values():
        family = family_of(f"{ours}@train")
        assert family is not None
        assert any(same_set(TASKS[ours].name, name) for r in family.relatives for name in r.names if r.how == "itself")
    for family in FAMILIES:
        for task in family.tasks:
            card = Registry().task(task) if ":" not in task else None
            for relative in family.relatives:
                assert relative.reason
                if card is not None and task != "mrtydi-v1.0":
                    assert set(relative.languages or ()) <= set(card.languages), (task, relative.names)


def test_relatives_of_mteb_are_relatives_here() -> None:
    """What mteb calls adapted from a task of ours, of those that occur in lists of training data."""
    import mteb

    pairs = [("miracl", "MIRACLRetrieval"), ("msmarco", "MSMARCO")]
    named = {name for m in imported_models(BOARD).values() for name in json.loads(m.training_datasets or "{}")}
    for ours, theirs in pairs:
        for task in mteb.get_tasks(task_types=["Retrieval", "Reranking"]):
            meta = task.metadata
            if theirs in (meta.adapted_from or ()) and meta.name in named:
                assert contamination(ours, [said(meta.name)])["state"] == "declared", meta.name


def test_models_of_running_text_bring_no_data_set() -> None:
    for name in ("FacebookAI/xlm-roberta-large", "Qwen/Qwen3-0.6B", "google/gemma-2b", "bigscience/bloom-7b1"):
        assert is_language_model(name)
    for name in ("Qwen/Qwen3-Embedding-0.6B", "BAAI/bge-m3", "intfloat/e5-base-unsupervised", "data/bge-m3-custom"):
        assert not is_language_model(name)


# --- on the board


def test_shown_marked_and_filtered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("bm25", "all-minilm-l6-v2", "me5-small-q4", "hf:nobody/x"):
        store(tmp_path, model, {"en": [0.5, 0.25]}, task="xquad", split="validation")
    at = ("board", "show", "--board", tmp_path)
    told = {row["model"]: row["contamination"] for row in json.loads(call(capsys, *at, "--json").out)}
    assert {model: row["state"] for model, row in told.items()} == {
        "bm25": "no",
        "all-minilm-l6-v2": "declared",
        "me5-small-q4": "inherited",
        "hf:nobody/x": "unknown",
    }
    assert {"state", "through", "source", "how", "reason", "splits", "languages", "also"} == set(told["bm25"])
    printed = call(capsys, *at).out
    marks = {
        line.split()[-4]: line.split()[-3] for line in printed.splitlines() if "0.375" in line and "bm25" not in line
    }
    assert marks == {"all-minilm-l6-v2": "t", "me5-small-q4": "i", "hf:nobody/x": "?"}
    assert "t: trained on the task's data or a relative" in printed

    def models(*options: str) -> set[str]:
        return {row["model"] for row in json.loads(call(capsys, *at, "--json", *options).out)}

    assert models("--not-trained-on-task") == {"bm25"}
    assert models("--contamination", "declared,inherited") == {"all-minilm-l6-v2", "me5-small-q4"}
    assert models("--contamination", "unknown") == {"hf:nobody/x"}
    wrong = call(capsys, *at, "--contamination", "clean")
    assert (wrong.code, "unknown state of contamination 'clean'" in wrong.err) == (2, True)
    assert call(capsys, *at, "--contamination", "no", "--not-trained-on-task").code == 2


def test_cards_of_the_users_own_are_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cards/models").mkdir(parents=True)
    (tmp_path / "cards/models/mine.yaml").write_text(
        "name: mine\nkind: dense\ndescription: x\nlicence: MIT\nlanguages: any\n"
        "trained_on: {source: me, declared: [SQuAD]}\n"
    )
    store(tmp_path / "b", "mine", {"en": [0.5]}, task="xquad")
    at = ("board", "show", "--board", tmp_path / "b", "--json")
    assert json.loads(call(capsys, *at).out)[0]["contamination"]["state"] == "unknown"
    (row,) = json.loads(call(capsys, *at, "--cards", tmp_path / "cards").out)
    assert (row["contamination"]["state"], row["contamination"]["source"]) == ("declared", "card mine: me")


def test_states_are_listed_worst_first() -> None:
    assert STATES == ("declared", "inherited", "unknown", "no")
