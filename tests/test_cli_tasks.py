"""`bench tasks`: against the YAML of the cards itself; own and broken cards; narrow terminals; nothing heavy loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from cardfiles import OWN
from console import call, heavy_imports, on_terminal, rows
from rich.cells import cell_len

from bench.places import shipped


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Any:
    return partial(call, capsys)


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(OWN)
    return tmp_path


def yaml_cards() -> dict[str, dict[str, Any]]:
    paths = sorted(shipped("tasks").glob("*.yaml"), key=lambda path: path.stem)
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def texts(value: Any) -> Iterator[str]:
    """Every text in a card."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_list_says_what_the_cards_say(bench: Any) -> None:
    outcome = bench("tasks", "list")
    wanted = [
        [name, str(len(card["languages"])), card["split"], ", ".join(card["measures"]), card["title"]]
        for name, card in yaml_cards().items()
    ]
    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome.out) == [["task", "languages", "split", "measures", "title"], *wanted]


def test_the_list_as_json(bench: Any) -> None:
    listed = json.loads(bench("tasks", "list", "--json").out)
    assert listed == [
        {key: card[key] for key in ("name", "title", "split", "measures")}
        | {"languages": list(card["languages"]), "own": False}
        for card in yaml_cards().values()
    ]


@pytest.mark.parametrize("name", ["mini", "mini-x", "xquad"])
def test_a_card_is_shown_in_full(bench: Any, name: str) -> None:
    card, outcome = yaml_cards()[name], bench("tasks", "show", name)
    shown = squeezed(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    for key in ("title", "loader", "document_text", "measures", "parallel", "drop_query_id", "empty_documents"):
        assert f"{key} " in shown
    for text in texts({key: value for key, value in card.items() if key != "languages"}):
        assert squeezed(text) in shown
    assert f"main: {card['measures'][0]}" in shown
    for code, row in card["languages"].items():
        counts = [f"{row[pin]:,}" for pin in ("documents", "queries", "judgments")]
        languages = [row["query"], row["document"]] if "query" in row else []
        assert squeezed(" ".join([code, *languages, *counts, row["fingerprint"][:12]])) in shown
        for file, sha256 in row.get("files", {}).items():
            assert f"{code} {file} {sha256[:12]} " in shown
            assert sha256[:13] not in shown
    for pin, origin in card["pins"].items():
        assert squeezed(f"{pin} {origin['strength']} {origin['source']}") in shown


def test_bibtex_keeps_its_lines(bench: Any) -> None:
    out = bench("tasks", "show", "xquad").out
    block = "".join(f"  {line}\n" for line in yaml_cards()["xquad"]["citation"].splitlines())
    assert f"citation\n{block}" in out


def test_the_numbers_of_its_references_are_shown(bench: Any, tmp_path: Path) -> None:
    board = Path(__file__).parents[1] / "leaderboards"
    shown = json.loads(bench("tasks", "show", "miracl", "--board", board, "--json").out)["reported"]
    means = {
        (row["model"], row["measure"]): (round(row["mean"], 3), row["languages"])
        for row in shown
        if (row["source"], row["split"]) == ("castorini/pyserini", "dev")
    }
    # The macro means of pyserini's page on MIRACL, over all 18 languages.
    for system, *values in (
        ("bm25", 0.388, 0.777),
        ("mdpr-tied-pft-msmarco", 0.421, 0.797),
        ("mcontriever-tied-pft-msmarco", 0.431, 0.849),
    ):
        assert [means[system, measure] for measure in ("nDCG@10", "R@100")] == [(value, 18) for value in values]
    out = bench("tasks", "show", "miracl", "--board", board).out
    assert "bm25 dev nDCG@10 0.388 18 castorini/pyserini" in squeezed(out)
    absent = bench("tasks", "show", "miracl", "--board", tmp_path)
    assert absent.code == 0
    assert f"their numbers are not in {tmp_path}: give a leaderboard folder with --board" in squeezed(absent.out)


def within(stated: Any, shown: Any) -> bool:
    """Whether all that is stated is shown; null stands for an empty table, and blanks of folded texts do not count."""
    if isinstance(stated, dict):
        return isinstance(shown, dict) and all(
            key in shown and within(part, shown[key]) for key, part in stated.items()
        )
    if stated is None:
        return shown is None or isinstance(shown, dict)
    return bool(stated == shown)


def test_a_card_as_json_keeps_every_value(bench: Any) -> None:
    for name, card in yaml_cards().items():
        shown = json.loads(bench("tasks", "show", name, "--json").out)
        assert within(card, shown)
        assert list(shown["languages"]) == list(card["languages"])
        assert shown["own"] is False


def test_pins_of_every_kind_and_split(bench: Any, tmp_path: Path) -> None:
    digests = ["1a" * 32, "2b" * 16, "3c" * 32, "4d" * 32]
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(
        OWN.replace("languages: {en: {}}\n", "pins:\n")
        + "".join(
            f"  {pin}: {{strength: {strength}, source: where {pin} was read}}\n"
            for pin, strength in [
                ("documents", "hard"),
                ("queries", "soft"),
                ("judgments", "none"),
                ("positives", "hard"),
                ("fingerprint", "soft"),
                ("files", "hard"),
            ]
        )
        + "languages:\n"
        "  zh: {source_code: chinese, documents: 32893221, queries: 17, judgments: 18, positives: 19,\n"
        f"       fingerprint: {digests[0]}, files: {{a/docs.gz: 'md5:{digests[1]}', a/none: null}},\n"
        f"       splits: {{train: {{queries: 1017, fingerprint: {digests[2]}, files: {{a/train.tsv: {digests[3]}}}}}}}}}\n"
        "  aa-bb: {query: aa, document: bb}\n"
    )
    table = rows(bench("tasks", "show", "mine", "--cards", tmp_path).out)
    start = table.index(["mine"])
    head = [
        "language",
        "queries in",
        "documents in",
        "source_code",
        "documents",
        "queries",
        "judgments",
        "positives",
        "fingerprint",
    ]
    assert table[start + 1 :] == [
        head,
        ["zh", "-", "-", "chinese", "32,893,221", "17", "18", "19", "1a1a1a1a1a1a"],
        ["aa-bb", "aa", "bb", *"------"],
        ["mine@train"],
        ["language", "source_code", "documents", "queries", "fingerprint"],
        ["zh", "chinese", "32,893,221", "1,017", "3c3c3c3c3c3c"],
        ["language", "file", "checksum"],
        ["zh", "a/docs.gz", "md5:2b2b2b2b2b2b"],
        ["zh", "a/none", "-"],
        ["zh", "a/train.tsv", "4d4d4d4d4d4d"],
        ["pin", "strength", "source"],
        ["documents", "hard", "where documents was read"],
        ["queries", "soft", "where queries was read"],
        ["judgments", "none", "where judgments was read"],
        ["positives", "hard", "where positives was read"],
        ["fingerprint", "soft", "where fingerprint was read"],
        ["files", "hard", "where files was read"],
    ]


def test_own_cards_are_listed_and_marked(bench: Any, cards: Path) -> None:
    outcome = bench("tasks", "list", "--cards", cards)
    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome.out)[-1] == ["mine (own)", "1", "dev", "R@20, nDCG@10", "A task of my own"]
    listed = json.loads(bench("tasks", "list", "--cards", cards, "--json").out)
    assert [row["name"] for row in listed if row["own"]] == ["mine"]
    shown = bench("tasks", "show", "mine", "--cards", cards).out
    assert shown.splitlines()[0] == "mine (own)"
    assert "split dev (also to be had: train)" in squeezed(shown)
    assert "pins none: nothing is known to compare the data with" in squeezed(shown)
    assert bench("tasks", "show", "mine").code == 2


def test_a_broken_card_hides_no_other(bench: Any, cards: Path) -> None:
    broken = cards / "tasks" / "broken.yaml"
    broken.write_text(
        OWN.replace("name: mine\n", "name: broken\n").replace("title:", "titel:").replace("split: dev", "split: 3")
    )
    shadow = cards / "tasks" / "xquad.yaml"
    shadow.write_text(OWN)
    faults = [
        f"{broken}: title: this key is required",
        f"{broken}: split: expected a text (quote it if it is a word such as no, or a number), found 3",
        f"{broken}: titel: unknown key; did you mean 'title'?",
    ]
    shadowing = f"{shadow}: 'xquad' is the name of a shipped card: give yours another name"
    outcome = bench("tasks", "list", "--cards", cards)
    assert outcome.code == 2
    assert [row[0] for row in rows(outcome.out)[1:]] == [*yaml_cards(), "mine (own)"]
    assert outcome.err == f"bench: {chr(10).join(faults)}\nbench: {shadowing}\n"
    listed = bench("tasks", "list", "--cards", cards, "--json")
    assert (listed.code, listed.err) == (2, outcome.err)
    assert [row for row in json.loads(listed.out) if "error" in row] == [
        {"name": "broken", "own": True, "error": {"code": 2, "message": "\n".join(faults)}},
        {"name": "xquad", "own": True, "error": {"code": 2, "message": shadowing}},
    ]
    shadow.unlink()
    assert bench("tasks", "show", "broken", "--cards", cards) == (2, "", f"bench: {chr(10).join(faults)}\n")
    assert bench("tasks", "show", "mine", "--cards", cards).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tasks", "show", "XQuAD"], "unknown task 'XQuAD': did you mean 'xquad'? (bench tasks list)"),
        (["tasks", "show", "mini@x"], "unknown task 'mini@x': give the split by itself: mini --split x"),
        (["tasks", "lst"], "unknown verb 'lst': did you mean 'list'? (bench tasks --help)"),
        (["tasks", "zzz"], "unknown verb 'zzz': no name is near it; (bench tasks --help)"),
    ],
)
def test_names_that_do_not_exist(bench: Any, arguments: list[str], message: str) -> None:
    assert bench(*arguments) == (2, "", f"bench: {message}\n")


def test_escape_sequences_in_a_card_do_not_reach_the_terminal(bench: Any, cards: Path) -> None:
    card = OWN.replace("title: A task of my own", 'title: "red \\e[31m, C1 \\x9b2J, turned \\u202e"')
    (cards / "tasks" / "mine.yaml").write_text(card)
    shown = "red \\x1b[31m, C1 \\x9b2J, turned \\u202e"
    for verb in (["list"], ["show", "mine"]):
        outcome = bench("tasks", *verb, "--cards", cards)
        assert shown in outcome.out
        assert not re.search("[\x1b\x9b\u202e]", outcome.out)
        as_json = bench("tasks", *verb, "--cards", cards, "--json").out
        assert not re.search("[\x1b\x9b\u202e]", as_json)
        value = json.loads(as_json)
        assert (value if isinstance(value, dict) else value[-1])["title"] == "red \x1b[31m, C1 \x9b2J, turned \u202e"


@pytest.mark.parametrize("arguments", [["tasks", "list"], ["tasks", "show", "mini-x"]])
def test_sixty_columns_are_enough(arguments: list[str]) -> None:
    narrow = on_terminal(60, *arguments)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", narrow)
    assert max(map(cell_len, plain.splitlines())) <= 60
    assert "…" not in plain
    shown = squeezed(plain)
    for name, card in yaml_cards().items():
        if arguments[1] == "list" or name == "mini-x":
            assert squeezed(card["title"]) in shown
    if arguments[1] == "show":
        for text in texts({k: v for k, v in yaml_cards()["mini-x"].items() if k not in ("languages", "pins")}):
            assert squeezed(text) in shown
        assert all(row["fingerprint"][:12] in shown for row in yaml_cards()["mini-x"]["languages"].values())
    assert not re.search(r"\x1b\[(3|4|9)[0-9]", on_terminal(60, *arguments, NO_COLOR="1"))


@pytest.mark.parametrize("arguments", [["tasks", "list"], ["tasks", "show", "xquad"], ["tasks", "list", "--json"]])
def test_nothing_heavy_is_loaded(arguments: list[str]) -> None:
    assert heavy_imports(*arguments) == []
