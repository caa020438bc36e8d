"""Language models in a composition: re-ranking by windows, rewritten queries, and a rerun that asks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_source import bench_source
from stub import Stub

import bench
from bench.adapters.listwise import permutation
from bench.collection import Doc, Query
from bench.ranking import Run, rank
from bench.watch import Watch


@pytest.mark.parametrize(
    ("reply", "order"),
    [
        ("[2] > [3] > [1]", [1, 2, 0]),
        ("[2] > [2] > [9] > [0]", [1, 0, 2]),
        ("I cannot tell.", [0, 1, 2]),
        ("3 2 1", [0, 1, 2]),
    ],
)
def test_the_order_that_a_reply_names(reply: str, order: list[int]) -> None:
    assert permutation(reply, 3) == order


def reverse_alphabet(question: str) -> str:
    """Order the passages of a listwise question by their last word, descending."""
    passages = re.findall(r"^\[(\d+)\] .*?(\S+)$", question, re.MULTILINE)
    return " > ".join(f"[{number}]" for number, _ in sorted(passages, key=lambda pair: pair[1], reverse=True))


def test_windows_slide_from_the_end_to_the_beginning(stub: Stub) -> None:
    from bench.adapters.language_model import LanguageModel
    from bench.adapters.listwise import ListwiseReranker
    from bench.endpoint import Address, Endpoint

    stub.saying(reverse_alphabet)
    model = LanguageModel(Endpoint(Address.parse(stub.url)), "m")
    docs = [Doc(str(i), f"word{i:02}") for i in range(9)]
    (scores,) = ListwiseReranker(model, window=4, step=2).score_all([(Query("q", "which?"), docs)])
    # Windows [5:9], [3:7], [1:5], [0:4]: the two best of each move on to the next.
    order = list(range(9))
    for start in (5, 3, 1, 0):
        order[start : start + 4] = sorted(order[start : start + 4], reverse=True)
    assert np.argsort(-np.array(scores)).tolist() == order


def test_a_rerun_asks_nothing(stub: Stub, tmp_path: Path) -> None:
    stub.saying(reverse_alphabet)
    options: dict[str, Any] = {"languages": ["en"], "cache": tmp_path, "offline": True}
    first = bench.run(f"bm25 >> llm:{stub.url}#m@1[10]", "mini", **options)
    asked = len(stub.requests)
    assert asked > 50
    again = bench.run(f"bm25 >> llm:{stub.url}#m@1[10]", "mini", **options)
    assert len(stub.requests) == asked
    assert again["languages"] == first["languages"]
    assert first["model"] == "bm25 >> llm:http://localhost/v1#m@1[10]"


def test_hyde_searches_for_the_answer(stub: Stub, tmp_path: Path) -> None:
    source = bench_source("en")
    texts = {p.id: p.text for p in source.passages()}
    gold = {q.text: texts[next(iter(source.qrels()[q.id]))] for q in source.queries()}
    stub.saying(lambda question: gold[question.rpartition("\n\n")[2]])
    options: dict[str, Any] = {"languages": ["en"], "cache": tmp_path, "offline": True}
    result = bench.run(f"hyde(bm25, llm={stub.url}#m)", "mini", **options)
    assert result["languages"]["en"]["nDCG@10"] == 1.0  # The made-up answer is the passage itself.
    plain = bench.run("bm25", "mini", **options)
    assert plain["languages"]["en"]["nDCG@10"] < 1.0


def test_the_expanded_and_the_translated_query_are_sent_on(stub: Stub, tmp_path: Path) -> None:
    seen: list[str] = []

    class Spy:
        fingerprint = "spy"

        def index(self, corpus: Any, workdir: Path) -> None:
            self.docs = [doc.id for doc in corpus.docs()]

        def search(self, queries: Sequence[Query], k: int) -> Run:
            seen.extend(query.text for query in queries)
            return {query.id: rank(self.docs[:1], [1.0]) for query in queries}

    from bench.adapters.language_model import LanguageModel
    from bench.adapters.rewriting import PASSAGE, TRANSLATION, LanguageModelRewriter, Rewritten
    from bench.endpoint import Address, Endpoint

    class Corpus:
        language = "sw"

        def docs(self) -> Iterator[Doc]:
            return iter([Doc("d", "text")])

    stub.saying(lambda question: f"<{question.splitlines()[-1]}|{'code sw.' in question.replace(chr(10), ' ')}>")
    model = LanguageModel(Endpoint(Address.parse(stub.url)), "m")
    for question, form in ((PASSAGE, "{query} {query} {reply}"), (TRANSLATION, "{reply}")):
        retriever = Rewritten(Spy(), LanguageModelRewriter(model, question, form), Watch())
        retriever.index(Corpus(), tmp_path)  # type: ignore[arg-type]
        retriever.search([Query("1", "what {query}?")], 1)
    assert seen == ["what {query}? what {query}? <what {query}?|False>", "<what {query}?|True>"]
