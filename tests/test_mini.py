"""The embedded collection `mini`: script, length, uniqueness, parallel ids, and what its three questions a passage share with it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tasks" / "mini"
LANGUAGES = ["ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh"]

# First words of the Unicode names of the letters that a language is written with.
SCRIPTS = {
    "ar": {"ARABIC"},
    "bn": {"BENGALI"},
    "fa": {"ARABIC"},
    "hi": {"DEVANAGARI"},
    "ja": {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"},
    "ko": {"HANGUL"},
    "ru": {"CYRILLIC"},
    "te": {"TELUGU"},
    "th": {"THAI"},
    "zh": {"CJK"},
}
# Letters that tell languages of one script apart: each must occur.
LETTERS = {"de": "äöüß", "es": "ñáí", "fi": "äö", "fr": "éèà", "yo": "ẹọṣ", "fa": "پچگ", "ja": "のはを"}
# Words so common that prose in the language cannot do without them; they tell Latin-script languages apart.
COMMON = {
    "en": "the of",
    "de": "der und",
    "es": "el de",
    "fi": "ja on",
    "fr": "le est",
    "id": "yang dan",
    "sw": "ya na",
    "yo": "ní ti",
}
# Scripts without spaces count letters instead of words: 40-90 words of English are about so many.
LETTER_RANGE = {"zh": (65, 190), "ja": (90, 270), "th": (140, 460)}


def records(language: str) -> list[dict]:
    with (FOLDER / f"{language}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def letters(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c)[0] in "LM"]


def stems(text: str, language: str) -> set[str]:
    """Crude on purpose and independent of the harness: two letters together where no spaces are, else the first five of a word."""
    text = text.lower()
    if language in LETTER_RANGE:
        runs = re.findall(r"[^\W\d_]+", "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in text))
        if language == "th":  # three letters: Thai vowels and tone marks make pairs too common
            return {
                run[i : i + 4]
                for run in re.split(
                    r"\s+", "".join(c if c in " " or unicodedata.category(c)[0] in "LM" else " " for c in text)
                )
                for i in range(max(1, len(run) - 3))
            }
        return {run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1))}
    words = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in text).split()
    return {word[:5] for word in words if len(word) > 2}


def content(language: str) -> list[tuple[str, set[str], list[set[str]]]]:
    """Per passage: id, stems of the passage, and of its questions, without what three or more passages or six or more questions use."""
    rows = [
        (r["id"], stems(r["title"] + " " + r["text"], language), [stems(q, language) for q in r["questions"]])
        for r in records(language)
    ]
    in_passages = Counter(s for row in rows for s in row[1])
    in_questions = Counter(s for row in rows for part in row[2] for s in part)
    common = {s for s, n in in_passages.items() if n >= 3} | {s for s, n in in_questions.items() if n >= 8}
    return [(name, passage - common, [part - common for part in parts]) for name, passage, parts in rows]


@pytest.mark.parametrize("language", LANGUAGES)
def test_shape(language: str) -> None:
    rows = records(language)
    assert [set(r) for r in rows] == [{"id", "group", "title", "text", "questions"}] * 24
    assert [(r["id"], r["group"]) for r in rows] == [(r["id"], r["group"]) for r in records("en")]
    assert all(len(r["questions"]) == 3 for r in rows)
    texts = [r["text"] for r in rows] + [q for r in rows for q in r["questions"]]
    assert len(set(texts)) == len(texts) == 96, "a text occurs twice"
    for text in texts + [r["title"] for r in rows]:
        assert text == " ".join(text.split()) and text == unicodedata.normalize("NFC", text), (
            f"stray blanks or not NFC: {text}"
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_length(language: str) -> None:
    for row in records(language):
        if language in LETTER_RANGE:
            low, high = LETTER_RANGE[language]
            size = len(letters(row["text"]))
        else:
            low, high = 40, 90
            size = len(row["text"].split())
        assert low <= size <= high, f"{language}/{row['id']}: {size} is outside {low}..{high}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_script(language: str) -> None:
    scripts = SCRIPTS.get(language, {"LATIN", "COMBINING"})
    everything = ""
    for row in records(language):
        for text in (row["title"], row["text"], *row["questions"]):
            found = letters(text)
            own = sum(unicodedata.name(c).split()[0] in scripts for c in found)
            assert own >= 0.8 * len(found), (
                f"{language}/{row['id']}: only {own} of {len(found)} letters are in the language's script: {text}"
            )
            everything += " " + text.lower()
    assert all(letter in everything for letter in LETTERS.get(language, ""))
    words = Counter(everything.split())
    assert all(words[word] >= 20 for word in COMMON.get(language, "").split()), {
        w: words[w] for w in COMMON.get(language, "").split()
    }


def test_languages_do_not_share_texts() -> None:
    texts = [t for language in LANGUAGES for r in records(language) for t in (r["text"], *r["questions"])]
    assert len(set(texts)) == len(texts) == 18 * 96


@pytest.mark.parametrize("language", LANGUAGES)
def test_first_and_third_question_share_words_with_their_passage(language: str) -> None:
    for name, passage, (first, _, third) in content(language):
        assert first & passage, f"{language}/{name}: the first question shares no telling word with the passage"
        assert third & passage, f"{language}/{name}: the third question shares no telling word with the passage"


@pytest.mark.parametrize("language", LANGUAGES)
def test_second_question_does_not(language: str) -> None:
    shared = {
        name: sorted(paraphrase & passage)
        for name, passage, (_, paraphrase, _) in content(language)
        if paraphrase & passage
    }
    if language in LETTER_RANGE:  # pieces of words meet by chance
        shared = {name: pieces for name, pieces in shared.items() if len(pieces) > 1}
    assert not shared, f"{language}: the second question shares words with the passage: {shared}"
