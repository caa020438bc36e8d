"""Text analysis for lexical retrieval: from a text to its index terms, by one small record per language.

The rules that hold for every language are here and have a `VERSION`; what a language chooses is an `Analysis`, read
from a model card. Documents and queries of one index go through the same analysis, or their terms would not meet.

Every text is brought to NFKC and full case folding, decimal digits of all scripts become ASCII, and characters that
only steer layout (joiners, soft hyphens, variation selectors) vanish. A word is a run of letters, combining marks and
digits (Unicode categories L, M, N), so Indic vowel signs and viramas, Thai vowels and Yoruba tone marks stay inside
their word. There are no stop words: inverse document frequency weighs them down, and lists differ in length and
quality from language to language.
"""

from __future__ import annotations

import functools
import json
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.errors import InputError

VERSION = 1
"""Of the rules in this module; it changes whenever any text could get other terms from the same record."""

TOKENS = ("words", "bigrams")

FOLDINGS: Mapping[str, Mapping[int, str | None]] = {
    # Vowel points, hamza and Koran marks as separate characters, and the tatweel that stretches a line: Arabic script
    # is mostly written without them (Lucene, ArabicNormalizer).
    "arabic-points": dict.fromkeys(
        [0x0640, *range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06DD), *range(0x06DF, 0x06EE)]
    ),
    # Arabic code points typed for Persian letters, and the non-joiner, which stands where others write a space
    # (Lucene, PersianNormalizer and PersianCharFilter).
    "persian-letters": {ord("ي"): "ی", ord("ى"): "ی", ord("ك"): "ک", ord("ۀ"): "ه", 0x200C: " "},
    # Nukta left out, chandrabindu written as anusvara: free variants (Lucene, HindiNormalizer).
    "hindi-spelling": {0x093C: None, 0x0929: "न", 0x0931: "र", 0x0934: "ळ", 0x0901: "\u0902"},
    # Letters without a vowel, as they were typed before Unicode 5.1 gave them code points of their own; the joiner that
    # was part of them is left out of all texts.
    "malayalam-chillus": {0x0D7A: "ണ്", 0x0D7B: "ന്", 0x0D7C: "ര്", 0x0D7D: "ല്", 0x0D7E: "ള്", 0x0D7F: "ക്"},
    # The case pairs I ı and İ i, which full case folding joins or tears (Unicode CaseFolding, status T).
    "turkish-case": {ord("I"): "ı", ord("İ"): "i"},
}

# Scripts that do not put spaces between words, and Hangul, whose words carry particles and compounds without one:
# Thai, Lao, Myanmar, Hangul jamo, Khmer, kana and Bopomofo with the ideographic iteration marks, Han, Hangul syllables.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(r"\w\S*")  # on spelled-out text; a mark that no letter carries is not a word
_SPACELESS_RUN = re.compile(rf"((?:[{_SPACELESS}][^\w\s]*)+)")
_LETTER = re.compile(r".[^\w\s]*")  # with its marks: \w has no combining marks


class _Characters(dict[int, "str | None"]):
    """What a character of normalised text becomes, found out when it is first met; a table for `str.translate`."""

    def __missing__(self, code: int) -> str | None:
        self[code] = form = _index_form(chr(code))
        return form


def _index_form(char: str) -> str | None:
    """The character itself if words are made of it, an ASCII digit, a space between words, or None to leave it out."""
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if char == "\u200b":  # the zero-width space marks word boundaries in scripts without spaces
        return " "
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return None
    return char if category[0] in "LMN" else " "


_CHARACTERS = _Characters()


@dataclass(frozen=True)
class Analysis:
    """How the texts of a language become index terms.

    `tokens` is `words`, or `bigrams`: the same, but a run in a script without spaces becomes the pairs of neighbouring
    letters, each with its marks, and ends the word or number before it. `stem` names a Snowball algorithm, `fold` names
    `FOLDINGS`. Prints as canonical JSON.
    """

    tokens: str = "words"
    stem: str | None = None
    fold: tuple[str, ...] = ()

    @classmethod
    def parse(cls, record: object, where: str) -> Analysis:
        """The analysis of a card's record; `where` is the record's key path, for the InputError of a wrong one."""
        if not isinstance(record, Mapping):
            raise InputError(f"{where}: expected a mapping such as {{tokens: words}}, found {record!r}")
        keys = tuple(cls.__dataclass_fields__)
        for key in record:
            _one_of(key, keys, where)
        tokens, stem, fold = record.get("tokens", "words"), record.get("stem"), record.get("fold", [])
        _one_of(tokens, TOKENS, f"{where}.tokens")
        if stem is not None:
            _one_of(stem, _algorithms(), f"{where}.stem")
        if not isinstance(fold, list):
            raise InputError(f"{where}.fold: expected a list of {_spell(FOLDINGS)}, found {fold!r}")
        for name in fold:
            _one_of(name, FOLDINGS, f"{where}.fold")
        return cls(tokens, stem, tuple(fold))

    def analyse(self, text: str) -> list[str]:
        """The terms of a text, in its order and as often as they occur."""
        terms = _WORD.findall(_spell_out(text, self.fold))
        if self.tokens == "bigrams":
            terms = [term for word in terms for term in _pairs(word)]
        return terms if self.stem is None else list(map(_stemmer(self.stem), terms))

    def as_dict(self) -> dict[str, Any]:
        """Every field, as JSON has it, in one order: part of what identifies a result."""
        return {**asdict(self), "fold": list(self.fold)}

    def __str__(self) -> str:
        return json.dumps(self.as_dict(), sort_keys=True)


def _spell_out(text: str, fold: tuple[str, ...]) -> str:
    """Normalised text with nothing but words and white space between them."""
    text = unicodedata.normalize("NFKC", text)
    if fold:
        text = text.translate(_folding(fold))
    # Case folding may take a composed letter apart.
    return unicodedata.normalize("NFKC", text.casefold()).translate(_CHARACTERS)


def _pairs(word: str) -> list[str]:
    """A word with its runs in scripts without spaces replaced by their bigrams, or by the letter that is alone."""
    if word.isascii():  # much the most of English, and quickly told
        return [word]
    terms: list[str] = []
    for number, piece in enumerate(_SPACELESS_RUN.split(word)):
        if number % 2:  # what the pattern matched
            letters = list(piece) if piece.isalnum() else _LETTER.findall(piece)
            terms += map(operator.add, letters, letters[1:]) if len(letters) > 1 else letters
        elif piece:
            terms.append(piece)
    return terms


@functools.cache
def _folding(names: tuple[str, ...]) -> dict[int, str | None]:
    return {code: form for name in names for code, form in FOLDINGS[name].items()}


@functools.cache
def _stemmer(name: str) -> Callable[[str], str]:
    import Stemmer

    # Its own cache is not safe between threads; this one is, and it is bounded: a language's vocabulary is not.
    return functools.lru_cache(2**16)(Stemmer.Stemmer(name, 0).stemWord)


def _algorithms() -> list[str]:
    import Stemmer

    return list(Stemmer.algorithms())


def _one_of(value: object, known: Iterable[str], where: str) -> None:
    names = list(known)
    if value not in names:
        raise InputError(f"{where}: expected {_spell(names)}, found {value!r}")


def _spell(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
