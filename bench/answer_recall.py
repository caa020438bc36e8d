"""Recall of answers (`R@2kt`, `R@5kt`): whether the first so many tokens that a query retrieved hold an answer.

The rule is XOR-Retrieve's (evals/eval_xor_retrieve.py of AkariAsai/XORQA). The texts of the passages, without their
titles, are tokenised in rank order until there are enough tokens; the first N, joined by single blanks, hold an answer
where it is a substring: case counts, words need not be whole, and the answer itself is not tokenised, so that `50%`
never matches. Answers `yes` and `no` are no spans; a question without a span answer does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.collection import Answers
from bench.measure import Measure
from bench.ranking import Run
from bench.scores import Scores
from bench.words import WordTokenizer

_NO_SPANS = ("yes", "no")


@dataclass(frozen=True)
class AnswerScores(Scores):
    """Scores that answers gave: 1 or 0 for each question that counts.

    `counted` is their number. `short` says for how many of them the passages ended before the tokens were full, so
    that a deeper ranking might score more.
    """

    counted: int
    short: dict[Measure, int]
    tokenizer: WordTokenizer


def answer_recall(
    run: Run, texts: Mapping[str, str], answers: Answers, measures: Sequence[Measure], tokenizer: WordTokenizer
) -> AnswerScores:
    """Score a run by the answers to its questions. `texts` has the text of every document in it, without the title.

    Only measures with a cutoff in tokens get values. A question that the run lacks scores 0 and counts.
    """
    budgets = {m: m.tokens for m in measures if m.tokens is not None}
    counted = {query: spans for query in sorted(answers) if (spans := span_answers(answers[query]))}
    values: dict[Measure, dict[str, float]] = {m: {} for m in budgets}
    short = dict.fromkeys(budgets, 0)
    for query, spans in counted.items() if budgets else ():
        docs = run[query].docs if query in run else []
        tokens = first_tokens((texts[doc] for doc in docs), max(budgets.values()), tokenizer)
        for measure, budget in budgets.items():
            text = " ".join(tokens[:budget])
            values[measure][query] = float(any(span in text for span in spans))
            short[measure] += len(tokens) < budget
    return AnswerScores(
        values,
        missing=tuple(query for query in counted if not (query in run and run[query].docs)),
        ignored=tuple(sorted(query for query in run if query not in answers)),
        counted=len(counted),
        short=short,
        tokenizer=tokenizer,
    )


def span_answers(answers: Iterable[str]) -> list[str]:
    """The answers that are looked for in passages: those that are not exactly `yes` or `no`."""
    return [answer for answer in answers if answer not in _NO_SPANS]


def first_tokens(passages: Iterable[str], count: int, tokenizer: WordTokenizer) -> list[str]:
    """The first `count` tokens of the passages in order, fewer where they end before; no more of them are read."""
    tokens: list[str] = []
    for passage in passages:
        tokens += tokenizer.split(passage)
        if len(tokens) >= count:
            break
    return tokens[:count]
