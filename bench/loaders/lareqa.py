"""LAReQA's XQuAD-R: questions in one language, and the sentences of the same paragraphs in all languages as one pool.

The files are XQuAD's with two more lists in each paragraph: `sentences`, and `sentence_breaks`, the [start, end) of
each in the `context`. A document is a sentence at its place, so the same words at two places are two documents. Its id
is `<language>-<article>-<paragraph>-<sentence>`, counted from 1; a query's id is its question's, the same in all
languages. Relevant are the sentences where the answer to that question begins, one in each language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.loaders.local import locate
from bench.loaders.text import open_text, plain
from bench.places import Places
from bench.task import Task


class _Paragraph(NamedTuple):
    """A paragraph with its sentences by document id, and with its questions."""

    context: str
    sentences: dict[str, str]
    questions: list[tuple[Query, list[str]]]
    """Each with the ids of the sentences that hold an answer."""


@dataclass(frozen=True)
class Lareqa:
    """One language's questions to the pool of all; `paths` has the files by language, in the order of the pool.

    The files are read one at a time and anew for each purpose: they are small, and eleven subsets share them. With
    `context` a document is a sentence, as its title, and the paragraph that it is from.
    """

    subset: str
    names: Mapping[str, str]
    paths: Mapping[str, Path]
    context: bool

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return tuple((self.names[language], path) for language, path in self.paths.items())

    def passages(self) -> Iterator[Passage]:
        for language in self.paths:
            for paragraph in self._paragraphs(language):
                for document, sentence in paragraph.sentences.items():
                    yield Passage(document, *((sentence, paragraph.context) if self.context else ("", sentence)))

    def queries(self) -> list[Query]:
        return [query for paragraph in self._paragraphs(self.subset) for query, _ in paragraph.questions]

    def qrels(self) -> Qrels:
        qrels: Qrels = {query.id: {} for query in self.queries()}
        for language in self.paths:
            for paragraph in self._paragraphs(language):
                for query, documents in paragraph.questions:
                    if query.id in qrels:
                        qrels[query.id].update(dict.fromkeys(documents, 1))
        return qrels

    def slices(self) -> dict[str, str]:
        """The language of every sentence that holds an answer."""
        return {
            document: language
            for language in self.paths
            for paragraph in self._paragraphs(language)
            for _, documents in paragraph.questions
            for document in documents
        }

    def _paragraphs(self, language: str) -> list[_Paragraph]:
        path = self.paths[language]
        try:
            with open_text(path) as file:
                data = json.load(file)["data"]
            return [
                _paragraph(paragraph, f"{language}-{a}-{p}")
                for a, article in enumerate(data, start=1)
                for p, paragraph in enumerate(article["paragraphs"], start=1)
            ]
        except UnicodeEncodeError as error:
            raise MissingError(f"{path}: a text holds a lone surrogate, which is no character") from error
        except (ValueError, RecursionError) as error:
            raise MissingError(f"{path}: truncated or not JSON: {error}; get the file again") from error
        except (KeyError, TypeError, AttributeError) as error:
            layout = "data, paragraphs, context, sentences, sentence_breaks, qas"
            raise MissingError(f"{path}: not in XQuAD-R's layout ({layout}): {error!r}") from error
        except _Astray as error:
            raise MissingError(f"{path}: {error}") from error


class _Astray(Exception):
    """A paragraph whose sentences and answers do not fit together."""


def _paragraph(paragraph: Mapping[str, Any], place: str) -> _Paragraph:
    sentences, breaks = [plain(sentence) for sentence in paragraph["sentences"]], paragraph["sentence_breaks"]
    if len(sentences) != len(breaks):
        raise _Astray(f"paragraph {place}: {len(sentences)} sentences with {len(breaks)} sentence_breaks")
    ids = [f"{place}-{s}" for s in range(1, len(sentences) + 1)]
    questions = []
    for qa in paragraph["qas"]:
        documents = [ids[_sentence(answer["answer_start"], breaks, str(qa["id"]))] for answer in qa["answers"]]
        questions.append((Query(str(qa["id"]), plain(qa["question"])), documents))
    return _Paragraph(plain(paragraph["context"]), dict(zip(ids, sentences, strict=True)), questions)


def _sentence(start: int, breaks: list[tuple[int, int]], question: str) -> int:
    """The place of the one sentence that a character of the paragraph lies in."""
    found = [place for place, (first, end) in enumerate(breaks) if first <= start < end]
    if len(found) != 1:
        raise _Astray(f"question {question!r}: its answer begins at {start}, which is in {len(found)} sentences, not 1")
    return found[0]


def open_source(task: Task, subset: str, split: str, places: Places) -> Lareqa:
    """The files of all languages of the card; a document is the sentence alone."""
    return _open(task, subset, places, context=False)


def open_context(task: Task, subset: str, split: str, places: Places) -> Lareqa:
    """The same, where a document is the sentence and the paragraph around it."""
    return _open(task, subset, places, context=True)


def _open(task: Task, subset: str, places: Places, *, context: bool) -> Lareqa:
    """Every row of the card names the files of all languages: `lareqa/<l>.json`."""
    stated = list(task.languages[subset].files)
    names = {language: name for language in task.languages for name in stated if Path(name).stem == language}
    if len(names) != len(task.languages) or len(stated) != len(names):
        raise InputError(
            f"tasks/{task.name}.yaml: languages.{subset}.files: expected one file, <language>.json, for each of "
            f"{', '.join(task.languages)}; found {', '.join(stated) or 'none'}"
        )
    paths = {language: locate(task, subset, name, places) for language, name in names.items()}
    return Lareqa(subset, names, paths, context)
