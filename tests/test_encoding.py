"""Texts to vectors: batches by a budget of tokens, and what a faulty model cannot slip through."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from wordy import Words, bags, texts_of

from bench.encoding import BatchLimits, batches, encode_window
from bench.errors import StoppedError
from bench.forms import SINGLE


def natural_lengths(count: int) -> NDArray[np.int64]:
    """Lengths as passages have them: log-normal, median 100 tokens."""
    return np.random.default_rng(2).lognormal(math.log(100), 0.6, count).astype(np.int64) + 1


@pytest.mark.parametrize("limits", [BatchLimits(512, 16), BatchLimits(100, 1000), BatchLimits(None, 7), BatchLimits(1)])
def test_every_text_is_in_one_batch_and_every_batch_in_the_budget(limits: BatchLimits) -> None:
    lengths = natural_lengths(500)
    cut = list(batches(lengths, limits))
    assert sorted(np.concatenate(cut).tolist()) == list(range(500))
    for positions in cut:
        assert 1 <= len(positions) <= limits.texts
        if limits.tokens is not None and len(positions) > 1:
            assert lengths[positions].max() * len(positions) <= limits.tokens


def test_batches_are_as_large_as_the_budget_allows() -> None:
    cut = [lengths.tolist() for lengths in batches([3, 9, 3, 2, 4, 4], BatchLimits(12, 4))]
    assert cut == [[1], [4, 5, 0], [2, 3]]  # 9; 4 4 3; 3 2: one more would be 2 x 9, 4 x 4, and there are no more


def test_a_text_longer_than_the_budget_is_alone() -> None:
    cut = [positions.tolist() for positions in batches([5, 100, 5, 101, 0], BatchLimits(20, 8))]
    assert cut == [[3], [1], [0, 2, 4]]


def test_no_texts_no_batches() -> None:
    assert list(batches([], BatchLimits())) == []
    assert encode_window(Words(bags, BatchLimits()), [], "query", "en").vectors.shape[0] == 0


def test_sorting_saves_nearly_all_padding() -> None:
    lengths = natural_lengths(2048)

    def waste(cut: Sequence[NDArray[np.int64]]) -> float:
        padded = sum(int(lengths[part].max()) * len(part) for part in cut)
        return padded / int(lengths.sum()) - 1

    by_length = list(batches(lengths, BatchLimits(8192, 128)))
    in_order = np.array_split(np.arange(len(lengths)), len(by_length))
    assert waste(by_length) < 0.08
    assert waste(in_order) > 0.9


@pytest.mark.parametrize("counts", [True, False])
def test_rows_are_in_the_order_of_the_texts(counts: bool) -> None:
    lengths = natural_lengths(300)
    texts = texts_of((lengths % 40).tolist())
    encoder = Words(bags, BatchLimits(64, 9), counts=counts)
    done: list[int] = []
    encoded = encode_window(encoder, texts, "document", "en", done.append)
    assert np.array_equal(encoded.vectors, bags(texts))
    assert encoded.vectors.dtype == np.float32
    assert done == [len(batch) for batch in encoder.seen]
    assert sum(done) == 300
    expected = (sum(len(t.split()) for t in texts), 3, 5) if counts else (None, None, None)
    assert (encoded.tokens, encoded.truncated, encoded.unknown) == expected


def test_without_a_tokenizer_characters_order_the_texts_and_only_their_number_is_bounded() -> None:
    encoder = Words(bags, BatchLimits(tokens=1, texts=2), counts=False)
    encode_window(encoder, ["a", "aaaa", "aa", "aaaaa"], "query", "en")
    assert encoder.seen == [["aaaaa", "aaaa"], ["aa", "a"]]


def test_the_same_window_is_cut_in_the_same_way() -> None:
    texts = texts_of((natural_lengths(100) % 30).tolist())
    first, second = (Words(bags, BatchLimits(50, 10)) for _ in range(2))
    encode_window(first, texts, "document", "en")
    encode_window(second, list(texts), "document", "en")
    assert first.seen == second.seen


def test_progress_counts_finished_batches_only() -> None:
    done: list[int] = []

    def fails_later(texts: Sequence[str]) -> NDArray[np.float32]:
        return bags(texts) if not done else bags(texts)[:-1]

    with pytest.raises(StoppedError):
        encode_window(
            Words(fails_later, BatchLimits(None, 2)), ["a b c", "d e f", "g", "h"], "document", "en", done.append
        )
    assert done == [2]


def test_equal_vectors_of_different_texts_are_counted() -> None:
    texts = ["a b", "b a", "a b", "c", "C", "c ", "d e f", "d e f", "d e g"]
    encoded = encode_window(Words(bags, BatchLimits(None, 4)), texts, "document", "en")
    assert encoded.equal == 5  # "a b" and "b a"; "c", "C" and "c "; the two "d e f" are one text


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.zeros((2, 4)), "2 vectors for 3 texts"),
        (np.zeros((4, 4)), "4 vectors for 3 texts"),
        (np.zeros(12), "an array of 1 dimensions, not one row a text"),
        (np.zeros((1, 3, 4)), "an array of 3 dimensions, not one row a text"),
        (np.array([[0, 1], [np.nan, 1], [0, 1]]), "NaN or infinity in 1 of 3 vectors"),
        (np.array([[0, np.inf], [np.nan, 1], [0, 1]]), "NaN or infinity in 2 of 3 vectors"),
        (np.array([[0, 1e39], [0, 1], [0, 1]]), "NaN or infinity in 1 of 3 vectors"),  # beyond float32
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_impossible_vectors_are_refused(output: NDArray[np.float64], message: str) -> None:
    with pytest.raises(StoppedError) as error:
        SINGLE.checked(output, 3)
    assert message in str(error.value)
    with pytest.raises(StoppedError) as error:
        encode_window(Words(lambda texts: output, BatchLimits()), ["a", "b", "c"], "query", "en")
    assert message in str(error.value)


def test_another_dimension_in_a_later_batch_is_refused() -> None:
    encoder = Words(lambda texts: np.zeros((len(texts), 3 + len(texts))), BatchLimits(None, 2))
    with pytest.raises(StoppedError) as error:
        encode_window(encoder, ["a", "b", "c"], "query", "en")
    assert "vectors of 4 dimensions after 5" in str(error.value)


def test_lists_and_half_precision_become_float32() -> None:
    assert SINGLE.checked([[1, 2], [3, 4]], 2).tolist() == [[1, 2], [3, 4]]
    assert SINGLE.checked(np.ones((1, 2), np.float16), 1).dtype == np.float32
