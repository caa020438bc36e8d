"""Families of cards: one file, many models, and faults that name the file and the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from console import call

from bench import cardfile
from bench.errors import InputError
from bench.registry import Registry

FAMILY = """\
# a remark before the first key
family: waders
kind: dense
description: A wading bird.
licence: MIT
languages: [en]
notes: [from the family]
models:
  heron: {weights: {hub: birds/heron, revision: null}, languages: [fr, nl]}
  stork:
    weights: {hub: birds/stork}
    notes: [its own]
  crane:
"""


@pytest.fixture
def cards(tmp_path: Path) -> Any:
    def write(text: str = FAMILY, name: str = "waders") -> Path:
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / f"{name}.yaml").write_text(text)
        return tmp_path

    return write


def test_a_model_has_the_fields_of_its_family_and_its_own_in_their_place(cards: Any) -> None:
    registry = Registry(cards())
    heron, stork, crane = (registry.model(name) for name in ("heron", "stork", "crane"))
    assert [card.name for card in (heron, stork, crane)] == ["heron", "stork", "crane"]
    assert (heron.languages, stork.languages) == (("fr", "nl"), ("en",))
    assert (heron.notes, stork.notes) == (("from the family",), ("its own",))
    assert (heron.weights.hub, stork.weights.hub, crane.weights) == ("birds/heron", "birds/stork", None)  # type: ignore[union-attr]
    assert {"heron", "stork", "crane", "bm25"} <= set(registry.model_names())
    assert "waders" not in registry.model_names()
    assert registry.is_own("models", "heron")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence: MIT", "licence: 3", ": heron: licence: expected a text (quote it if it is a word such as no, or a number), found 3"),
        ("languages: [fr, nl]}", "pooling: best}", ": heron: pooling: expected one of 'mean', 'cls', 'lasttoken' or 'max', found 'best'"),
        ("  heron: {weights: {hub: birds/heron, revision: null}, languages: [fr, nl]}", "  heron: yes", ": models.heron: expected a table of keys, found true"),
        ("family: waders", "family: waders\nname: heron", ": name: a family has none; each of its models is a key under models"),
    ],
)  # fmt: skip
def test_a_fault_names_the_file_and_the_model(cards: Any, old: str, new: str, message: str) -> None:
    assert FAMILY.count(old) == 1
    folder = cards(FAMILY.replace(old, new))
    name = "heron" if "family" not in old else "waders"
    with pytest.raises(InputError) as caught:
        Registry(folder).model(name)
    assert str(caught.value) == f"{folder}/models/waders.yaml{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("family: waders\nmodels: []\n", ": models: expected a table from names to fields, found a list"),
        ("family: waders\nkind: dense\n", ": models: expected a table from names to fields, found nothing"),
        ("family: birds\nmodels: {heron: {}}\n", ": family: expected 'waders', the name of the file, found 'birds'"),
        ("family: waders\nmodels: {heron: {}, heron: {}}\n", ":2: not YAML: the key 'heron' occurs twice"),
    ],
)
def test_a_family_that_cannot_be_read_stands_under_the_name_of_its_file(
    cards: Any, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    folder = cards(text)
    with pytest.raises(InputError) as caught:
        Registry(folder).model("waders")
    assert str(caught.value) == f"{folder}/models/waders.yaml{message}"
    outcome = call(capsys, "models", "list", "--cards", folder)
    assert outcome.code == 2
    assert f"{folder}/models/waders.yaml{message}" in outcome.err
    assert "multilingual-e5-small" in outcome.out  # one fault hides no other card


def test_a_member_cannot_shadow_a_shipped_card(cards: Any) -> None:
    folder = cards(FAMILY.replace("  heron:", "  bge-m3:"))
    with pytest.raises(
        InputError, match=r"waders.yaml: 'bge-m3' is the name of a shipped card: give yours another name"
    ):
        Registry(folder).model("bge-m3")


def test_a_file_is_read_once_for_all_its_models_and_again_when_it_changes(
    cards: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, read = cards(), []
    original = cardfile.read_yaml
    monkeypatch.setattr(cardfile, "read_yaml", lambda path: (read.append(path.name), original(path))[1])
    cardfile._read.cache_clear()
    registry = Registry(folder)
    for name in ("heron", "stork", "crane"):
        registry.model(name)
    assert read.count("waders.yaml") == 1
    assert len(read) == len(set(read))
    assert "bm25.yaml" not in read  # a card on its own is not read for its name
    cards(yaml.safe_dump({"family": "waders", "models": {"ibis": {}}}, sort_keys=False) + "# longer\n")
    assert "ibis" in Registry(folder).model_names()
