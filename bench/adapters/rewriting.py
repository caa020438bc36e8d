"""Queries rewritten by a language model before retrieval: a made-up answer, an expanded query, a translation.

HyDE: Gao, Ma, Lin and Callan, "Precise Zero-Shot Dense Retrieval without Relevance Labels", ACL 2023.
Query2doc: Wang, Yang and Wei, "Query2doc: Query Expansion with Large Language Models", EMNLP 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.adapters.language_model import LanguageModel
from bench.collection import Corpus, Doc, Query
from bench.files import digest
from bench.ranking import Run
from bench.retriever import Retriever, Sent, search_batches
from bench.watch import Watch

PASSAGE = """Write one short passage, in the language of the question, that answers it. Reply with the passage alone.

{query}"""
TRANSLATION = """Translate this question into the language with the BCP-47 code {language}. Reply with the translation
alone.

{query}"""


@dataclass(frozen=True)
class LanguageModelRewriter:
    """A rewriter: `question` is asked for every query, and `form` makes the new query of the old one and the reply.

    In `form`, `{query}` is the query and `{reply}` the answer; a query may be repeated.
    """

    model: LanguageModel
    question: str
    form: str

    def recipe(self) -> dict[str, Any]:
        """All that makes the new queries."""
        return {
            "adapter": "rewriting",
            "version": 1,
            "llm": self.model.recipe(),
            "question": digest(self.question)[:16],
            "form": self.form,
        }

    @property
    def asks(self) -> str:
        """The address of the language model."""
        return self.model.endpoint.address.stored

    def sent(self, query: Query, docs: Sequence[Doc]) -> Sent:
        """The question about a query, whatever the documents, those being in English."""
        return Sent(self._question(query, "en"))

    def _question(self, query: Query, language: str) -> str:
        # Not str.format: braces in a query are the user's text.
        return self.question.replace("{language}", language).replace("{query}", query.text)

    def rewrite(self, queries: Sequence[Query], language: str) -> list[Query]:
        """The queries under their own ids; `language` is that of the documents."""
        replies = self.model.answers([self._question(query, language) for query in queries])
        return [
            Query(query.id, _filled(self.form, query.text, reply))
            for query, reply in zip(queries, replies, strict=True)
        ]


def _filled(form: str, query: str, reply: str) -> str:
    return " ".join({"{query}": query, "{reply}": reply}.get(part, part) for part in form.split(" "))


@dataclass
class Rewritten:
    """A retriever that sees the rewritten queries."""

    first: Retriever
    rewriter: LanguageModelRewriter
    watch: Watch
    to: str | None = None
    _language: str = field(default="und", init=False)

    @property
    def members(self) -> tuple[Retriever, ...]:
        """The retriever."""
        return (self.first,)

    def stage(self) -> dict[str, Any]:
        """What rewrites, into which language, and what was asked of it."""
        spent = dict(self.rewriter.model.spent)
        return {"rewriter": self.rewriter.recipe(), "language": self.to or self._language, "spent": spent}

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus; its language is what a translation is made into."""
        self._language = corpus.language
        self.first.index(corpus, workdir)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The top k of every query as it was rewritten."""
        return next(self.search_batches([queries] if queries else [], k), {})

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
        """The same, one batch of queries after the other."""
        with self.watch.phase("rewrite"):
            rewritten = [self.rewriter.rewrite(batch, self.to or self._language) for batch in batches]
        return search_batches(self.first, rewritten, k)
