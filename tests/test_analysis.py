"""Text analysis: what becomes of real words in many scripts, the records of the card, and their errors word for word."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
import Stemmer
import yaml

from bench.analysis import FOLDINGS, Analysis
from bench.errors import InputError

CARD = Path(__file__).parents[1] / "models" / "bm25.yaml"
SETTINGS = yaml.safe_load(CARD.read_text(encoding="utf-8"))["settings"]
BENCHMARKS = """ar as bho bn brx de el en es fa fi fr gbm gom gu hi hne id it ja kn ko mai ml mni mr mwr nl or pa ps pt
    ro ru sa sw ta te th tr ur vi yo zh"""

CASES = [
    # Vowel signs, viramas and tone marks stay inside their word; digits of every script are ASCII.
    ("bn", "বাংলাদেশের স্বাধীনতা ১৯৭১ সালে।", "বাংলাদেশের স্বাধীনতা 1971 সালে"),
    ("te", "ఆంధ్రప్రదేశ్ రాజధాని", "ఆంధ్రప్రదేశ్ రాజధాని"),
    ("yo", "Ọ̀rúnmìlà ní ilé-ẹ̀kọ́ n'Íbàdàn", "ọ̀rúnmìlà ní ilé ẹ̀kọ́ n íbàdàn"),
    ("vi", "Việt Nam", "việt nam"),
    ("vi", unicodedata.normalize("NFD", "Việt Nam"), "việt nam"),
    ("ml", "അവന്\u200d അവൻ", "അവന് അവന്"),
    ("sw", "ng'ombe", "ng ombe"),
    ("ur", "اُردو‌زبان", "اردو زبان"),
    # Snowball stems.
    ("hi", "लड़कियाँ लड़कियों लडका क़लम कलम", "लडक लडक लडक कलम कलम"),
    ("ar", "الْكِتَابُ كتـــاب ١٢٣", "كتاب كتاب 123"),
    ("fa", "كتاب\u200cها كتاب ها کتابها ۱۲", "کتاب ها کتاب ها کتاب 12"),
    ("tr", "IŞIK ışık İstanbul istanbul DIYARBAKIR'da", "ışık ışık istanbul istanbul dıyarbakır da"),
    ("de", "Straße STRASSE Häuser Haus", "strass strass haus haus"),
    ("el", "ΚΑΛΌΣ καλός", "καλ καλ"),
    ("ro", "naţiunile națiunile", "națiun națiun"),
    ("ru", "вагонов Вагон", "вагон вагон"),
    ("en", "The consistency of ﬁne e-mail", "the consist of fine e mail"),
    # Bigrams of letters with their marks; a letter alone is a term; Latin words and numbers are whole.
    ("zh", "北京2008年奥运会，NASA的火箭。", "北京 2008 年奥 奥运 运会 nasa 的火 火箭"),
    ("zh", "猫", "猫"),
    ("zh", "𠮷野家", "𠮷野 野家"),
    ("ja", "ﾃﾞｰﾀを２０２０年ＮＨＫで", "デー ータ タを 2020 年 nhk で"),
    ("ja", "葛\U000e0100城", "葛城"),
    ("ko", "대한민국의 CJK한국abc 漢字", "대한 한민 민국 국의 cjk 한국 abc 漢字"),
    ("ko", unicodedata.normalize("NFD", "서울시"), "서울 울시"),
    ("th", "ที่นี่ GPS 5G ปี ๒๕๖๓", "ที่นี่ gps 5g ปี 2563"),
    ("th", "กิน\u200bข้าว", "กิน ข้า าว"),
    ("en", "NASAのロケット1969年", "nasa のロ ロケ ケッ ット 1969 年"),
    # The default: words, and bigrams in any script without spaces.
    ("xx", "café soft\u00adware 日本語 snake_case", "café software 日本 本語 snake case"),
    ("km", "ភាសាខ្មែរ", "ភាសា សាខ្ ខ្មែ មែរ"),
    # Marks that no letter carries, and symbols, are no words.
    ("xx", "❤\ufe0f \u0301 © ok 👍🏽", "ok"),
    ("xx", " \n", ""),
]


def analysis(language: str) -> Analysis:
    return Analysis.parse(SETTINGS["languages"].get(language, SETTINGS["default"]), language)


@pytest.mark.parametrize(("language", "text", "terms"), CASES)
def test_terms(language: str, text: str, terms: str) -> None:
    assert analysis(language).analyse(text) == unicodedata.normalize("NFKC", terms).split()


def test_bigrams_are_pairs_of_neighbours() -> None:
    han = "人人生而自由在尊严和权利上一律平等"
    assert Analysis("bigrams").analyse(han) == [han[i : i + 2] for i in range(len(han) - 1)]


def test_words_agree_with_the_unicode_categories() -> None:
    """Every character of the two planes with scripts, between two letters: it is in their word, or between words, or not there at all."""
    texts, terms = [], []
    for char in map(chr, [*range(0xD800), *range(0xE000, 0x2_0000)]):
        form = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
        category = unicodedata.category(form) if len(form) == 1 else "several"
        left_out = category == "Cf" or "VARIATION SELECTOR" in unicodedata.name(char, "")
        if category in ("several", "Nd") or left_out or unicodedata.combining(form):  # all of these have cases above
            continue
        texts.append(f"ж{char}ж")
        terms += [f"ж{form}ж"] if category[0] in "LMN" else ["ж", "ж"]
    assert len(texts) > 100_000
    assert Analysis().analyse(" ".join(texts)) == terms


def test_stems_are_snowballs() -> None:
    words = ["generously", "universities", "flying", "consigned", "knightly"]
    assert Analysis(stem="english").analyse(" ".join(words)) == Stemmer.Stemmer("english").stemWords(words)


def test_card_has_every_language_and_all_records_parse() -> None:
    languages = SETTINGS["languages"]
    assert [code for code in BENCHMARKS.split() if code not in languages] == []
    assert all(isinstance(code, str) and re.fullmatch("[a-z]{2,3}", code) for code in languages)
    for record in [SETTINGS["default"], *languages.values()]:
        assert Analysis.parse(record, "x").tokens == record["tokens"], "the card says how it makes tokens, always"
    assert {code for code in languages if languages[code]["tokens"] == "bigrams"} == {"en", "ja", "ko", "th", "zh"}
    assert {name for record in languages.values() for name in record.get("fold", [])} == set(FOLDINGS)


def test_card_leaves_no_snowball_algorithm_out() -> None:
    stems = {record.get("stem") for record in SETTINGS["languages"].values()}
    assert set(Stemmer.algorithms()) - stems == {"porter", "dutch_porter"}  # superseded by english and dutch


def test_prints_as_canonical_json() -> None:
    arabic = analysis("ar")
    assert str(arabic) == '{"fold": ["arabic-points"], "stem": "arabic", "tokens": "words"}'
    assert Analysis.parse(json.loads(str(arabic)), "x") == arabic
    assert str(Analysis()) == '{"fold": [], "stem": null, "tokens": "words"}'


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("words", "languages.hi: expected a mapping such as {tokens: words}, found 'words'"),
        ({"token": "words"}, "languages.hi: expected tokens, stem or fold, found 'token'"),
        ({"tokens": "trigrams"}, "languages.hi.tokens: expected words or bigrams, found 'trigrams'"),
        (
            {"fold": "arabic-points"},
            f"languages.hi.fold: expected a list of {', '.join(list(FOLDINGS)[:-1])} or turkish-case, found 'arabic-points'",
        ),
        ({"fold": ["x"]}, f"languages.hi.fold: expected {', '.join(list(FOLDINGS)[:-1])} or turkish-case, found 'x'"),
    ],
)
def test_wrong_records(record: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        Analysis.parse(record, "languages.hi")
    assert str(error.value) == message


def test_unknown_stem_lists_the_algorithms() -> None:
    with pytest.raises(
        InputError, match=r"^languages\.hi\.stem: expected arabic, .*\bhindi\b.* or yiddish, found 'hindu'$"
    ):
        Analysis.parse({"stem": "hindu"}, "languages.hi")
