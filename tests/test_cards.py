"""Cards: every shipped one loads, and each kind of fault is told as `file: key: what was expected, what was found`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import cardfiles
import pytest
import yaml

from bench.cards import parse_card, read_yaml
from bench.errors import InputError, MissingError
from bench.model import Model
from bench.registry import Registry
from bench.task import PinName, Task

TASK = """\
name: mine
title: A task
description: Two languages.
authors: nobody
loader: beir
source: {name: mine, revision: "1"}
split: test
document_text: text
measures: [nDCG@10, R@100]
licences: {texts: unknown, labels: unknown}
pins:
  documents: {strength: hard, source: counted}
languages:
  en: {documents: 3}
  hi: {}
"""
MODEL = """\
name: mine
kind: dense
description: A model.
licence: MIT
languages: [en]
"""
TEXT = "expected a text (quote it if it is a word such as no, or a number)"
PINS = "{}, {} or {}".format(", ".join(map(repr, get_args(PinName)[:-2])), *map(repr, get_args(PinName)[-2:]))

# (what is replaced, by what, the messages after `file: `).
TASK_FAULTS = {
    "number": ("hi: {}", "hi: {documents: many}", ["languages.hi.documents: expected a number, found 'many'"]),
    "fraction": ("hi: {}", "hi: {documents: 3.5}", ["languages.hi.documents: expected a number, found 3.5"]),
    "table": ("hi: {}", "hi: 3", ["languages.hi: expected a table of keys, found 3"]),
    "list for table": ("hi: {}", "hi: [3]", ["languages.hi: expected a table of keys, found a list"]),
    "text": ('revision: "1"', "revision: 1.0", [f"source.revision: {TEXT}, found 1.0"]),
    "bare no": ("authors: nobody", "authors: no", [f"authors: {TEXT}, found false"]),
    "nothing": ("authors: nobody", "authors:", [f"authors: {TEXT}, found nothing"]),
    "date": ("title: A task", "title: 2020-12-25", [f"title: {TEXT}, found the date 2020-12-25"]),
    "bool": ("loader: beir", "loader: beir\nparallel: 1", ["parallel: expected true or false, found 1"]),
    "choice": (
        "document_text: text",
        "document_text: body",
        ["document_text: expected one of 'title and text' or 'text', found 'body'"],
    ),
    "deep choice": (
        "strength: hard",
        "strength: firm",
        ["pins.documents.strength: expected one of 'hard', 'soft' or 'none', found 'firm'"],
    ),
    "list": ("[nDCG@10, R@100]", "nDCG@10", ["measures: expected a list, found 'nDCG@10'"]),
    "item": ("[nDCG@10, R@100]", "[3]", [f"measures.0: {TEXT}, found 3"]),
    "empty list": (
        "[nDCG@10, R@100]",
        "[]",
        ["measures: expected at least one measure, the main one first, such as [nDCG@10, R@100]"],
    ),
    "measure": (
        "R@100",
        "R100",
        ["measures: unknown measure 'R100': did you mean 'R@100' or 'MRR@100' or 'P@100'? (bench score --list)"],
    ),
    "missing": ("authors: nobody\n", "", ["authors: this key is required"]),
    "missing name": ("name: mine\ntitle", "title", ["name: this key is required"]),
    "unknown near": ("loader: beir", "loader: beir\nlicense: x", ["license: unknown key; did you mean 'licences'?"]),
    "unknown deep": ("hi: {}", "hi: {docs: 3}", ["languages.hi.docs: unknown key; did you mean 'documents'?"]),
    "unknown deep, none near": (
        'revision: "1"',
        'revision: "1", zzz: 1',
        ["source.zzz: unknown key; known are name, revision, url"],
    ),
    "two faults": (
        "title: A task",
        "titel: A task",
        ["title: this key is required", "titel: unknown key; did you mean 'title'?"],
    ),
    "key that is false": ("hi: {}", "no: {}", [f"languages: as a key, {TEXT}, found false"]),
    "top key that is a number": ("loader: beir", "loader: beir\n3: x", [f"as a key, {TEXT}, found 3"]),
    "key of a choice": (
        "  documents: {strength",
        "  docs: {strength",
        [f"pins: as a key, expected one of {PINS}, found 'docs'"],
    ),
    "pin without source": (
        "hi: {}",
        "hi: {queries: 3}",
        ["pins.queries: give its source and strength; languages have such a pin"],
    ),
    "instruction": (
        "loader: beir",
        "loader: beir\ninstruction: Find it.",
        ["instruction_source: say where the instruction was read"],
    ),
    "no languages": ("  en: {documents: 3}\n  hi: {}\n", "  {}\n", ["languages: expected at least one language"]),
    "other name": (
        "name: mine\ntitle",
        "name: other\ntitle",
        ["name: expected 'mine', the name of the file, found 'other'"],
    ),
}
_kinds = [repr(kind) for kind in get_args(Model.model_fields["kind"].annotation)]
KINDS = f"{', '.join(_kinds[:-1])} or {_kinds[-1]}"
MODEL_FAULTS = {
    "kind": ("kind: dense", "kind: density", [f"kind: expected one of {KINDS}, found 'density'"]),
    "languages": (
        "languages: [en]",
        "languages: all",
        ["languages: expected any, or a list of language codes such as [en, \"no\"], found 'all'"],
    ),
    "bare no among languages": (
        "languages: [en]",
        "languages: [en, no]",
        ['languages: expected any, or a list of language codes such as [en, "no"], found false'],
    ),
    "parameters": ("licence: MIT", "licence: MIT\nparameters: 118M", ["parameters: expected a number, found '118M'"]),
    "two places": (
        "licence: MIT",
        "licence: MIT\nweights: {hub: a/b, package: c}",
        ["weights: give either hub or package, not both"],
    ),
    "dtype": (
        "licence: MIT",
        "licence: MIT\ndtypes: [int8]",
        ["dtypes: expected a list of float32, bfloat16, float16, found 'int8'"],
    ),
    "check": (
        "licence: MIT",
        "licence: MIT\nexpect: [anything]",
        [
            "expect: expected names of checks (not above random, one document on top, equal vectors, "
            "far below the others), found 'anything'"
        ],
    ),
    "side": (
        "licence: MIT",
        "licence: MIT\nprompts: {doc: x}",
        ["prompts.doc: unknown key; known are query, document"],
    ),
    "prompt": ("licence: MIT", "licence: MIT\nprompts: {query: 3}", [f"prompts.query: {TEXT}, found 3"]),
}


def own_card(folder: Path, kind: str, content: str | bytes, name: str = "mine") -> Path:
    path = folder / kind / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_cards_without_faults_are_none(tmp_path: Path) -> None:
    own_card(tmp_path, "tasks", TASK)
    own_card(tmp_path, "models", MODEL)
    task, model = Registry(tmp_path).task("mine"), Registry(tmp_path).model("mine")
    assert task.languages["en"].documents == 3
    assert task.measures == ("nDCG@10", "R@100")
    assert model.languages == ("en",)


@pytest.mark.parametrize("fault", TASK_FAULTS)
def test_a_fault_in_a_task_card(tmp_path: Path, fault: str) -> None:
    old, new, messages = TASK_FAULTS[fault]
    assert TASK.count(old) == 1
    path = own_card(tmp_path, "tasks", TASK.replace(old, new))
    with pytest.raises(InputError) as caught:
        Registry(tmp_path).task("mine")
    assert str(caught.value).splitlines() == [f"{path}: {message}" for message in messages]


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_a_fault_in_a_model_card(tmp_path: Path, fault: str) -> None:
    old, new, messages = MODEL_FAULTS[fault]
    path = own_card(tmp_path, "models", MODEL.replace(old, new))
    with pytest.raises(InputError) as caught:
        Registry(tmp_path).model("mine")
    assert str(caught.value).splitlines() == [f"{path}: {message}" for message in messages]


def test_an_unknown_key_without_a_near_one_gets_them_all() -> None:
    with pytest.raises(InputError) as caught:
        parse_card(Task, yaml.safe_load(TASK) | {"zzz": 1}, "tasks/mine.yaml")
    known = ", ".join(Task.model_fields)
    assert str(caught.value) == f"tasks/mine.yaml: zzz: unknown key; known are {known}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TASK + "name: mine\n", ":16: not YAML: the key 'name' occurs twice"),
        (
            TASK.replace("{documents: 3}", "{documents: 3, documents: 3}"),
            ":14: not YAML: the key 'documents' occurs twice",
        ),
        (TASK + "  hi: {}\n", ":16: not YAML: the key 'hi' occurs twice"),
        ("a: 1\n? [b]\n: 2\n", ":2: not YAML: a key must be a text, not a list or a table"),
        ("a: 1\nb: 2020-13-01\n", ":2: not YAML: '2020-13-01': month must be in 1..12; quote it if it is a text"),
        (
            "a: !!python/name:os.system\n",
            ":1: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'",
        ),
        ("a: b: c\n", ":1: not YAML: mapping values are not allowed in this context"),
        ("a: 1\n---\nb: 2\n", ":2: not YAML: but found another document"),
        ("- a\n", ": expected a table of keys, found a list"),
        ("word\n", ": expected a table of keys, found 'word'"),
        ("", ": expected a table of keys, found nothing"),
        ('a: "\0"\n', ": not YAML: unacceptable character #x0000: control characters are not allowed"),
        (
            b"a: \xe9\n",
            ": not UTF-8 text: 'utf-8' codec can't decode byte 0xe9 in position 3: invalid continuation byte",
        ),
    ],
)
def test_a_file_that_is_no_card(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = own_card(tmp_path, "tasks", content)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("content", "line"), [("a: 1\nb: [1,\n", 3), ("a: 1\n\tb: 2\n", 2), ("a: 1\n b: 2\n", 2), ("a: 'x\n", 2)]
)
def test_a_mistake_in_yaml_is_told_with_its_line(tmp_path: Path, content: str, line: int) -> None:
    path = own_card(tmp_path, "tasks", content)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}:{line}: not YAML: ")  # the rest is in the library's words
    assert "\n" not in str(caught.value)


def test_keys_may_be_merged(tmp_path: Path) -> None:
    path = own_card(tmp_path, "tasks", "en: &pins {documents: 3, queries: 2}\nhi: {<<: *pins, queries: 5}\n")
    assert read_yaml(path)["hi"] == {"documents": 3, "queries": 5}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        read_yaml(tmp_path / "gone.yaml")
    assert str(caught.value) == f"{tmp_path}/gone.yaml: cannot read: No such file or directory"


@pytest.mark.parametrize(("kind", "name", "content"), [("tasks", "mini", TASK), ("models", "bm25", MODEL)])
def test_a_shipped_name_cannot_be_shadowed(tmp_path: Path, kind: str, name: str, content: str) -> None:
    path = own_card(tmp_path, kind, content.replace("name: mine", f"name: {name}"), name)
    registry = Registry(tmp_path)
    load = registry.task if kind == "tasks" else registry.model
    with pytest.raises(InputError) as caught:
        load(name)
    assert str(caught.value) == f"{path}: '{name}' is the name of a shipped card: give yours another name"


def test_names_that_do_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in [("models", "bm25"), ("models", "me5-small-q4"), ("models", "me5-small"), ("tasks", "xquad")]:
        own_card(tmp_path, kind, "", name)
    monkeypatch.setattr("bench.registry.shipped", lambda kind: tmp_path / kind)
    registry = Registry()
    for load, message in [
        (
            lambda: registry.model("mee5-small-q4"),
            "unknown model 'mee5-small-q4': did you mean 'me5-small-q4' or 'me5-small'? (bench models list)",
        ),
        (lambda: registry.model("BM25"), "unknown model 'BM25': did you mean 'bm25'? (bench models list)"),
        (lambda: registry.model("zzzzzz"), "unknown model 'zzzzzz': no name is near it; (bench models list)"),
        (lambda: registry.task("xquat"), "unknown task 'xquat': did you mean 'xquad'? (bench tasks list)"),
    ]:
        with pytest.raises(InputError) as caught:
            load()
        assert str(caught.value) == message


def test_a_folder_of_cards_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Registry(tmp_path / "none")
    assert str(caught.value) == f"--cards {tmp_path}/none: no such folder; it holds tasks/*.yaml and models/*.yaml"


def test_a_shipped_card_is_called_by_its_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_card(tmp_path, "tasks", TASK.replace("hi: {}", "hi: {documents: many}"))
    monkeypatch.setattr("bench.registry.shipped", lambda kind: tmp_path / kind)
    with pytest.raises(InputError) as caught:
        Registry().task("mine")
    assert str(caught.value) == "tasks/mine.yaml: languages.hi.documents: expected a number, found 'many'"


@pytest.mark.parametrize("kind", ["tasks", "models"])
def test_all_shipped_cards_load(kind: Any) -> None:
    stated, registry = cardfiles.stated(kind), Registry()
    assert (registry.task_names() if kind == "tasks" else registry.model_names()) == list(stated)
    for name, fields in stated.items():
        card = registry.task(name) if kind == "tasks" else registry.model(name)
        assert card.name == name
        assert card.description == fields["description"]
        if kind == "tasks":
            assert list(card.languages) == list(fields["languages"])
