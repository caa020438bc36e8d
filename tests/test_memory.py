"""A memory that is too small for a batch: it is cut in half, the run goes on and says so, and the vectors are the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import heads
import numpy as np
import pytest
import tiny
import toy
from wordy import Words, bags, texts_of

import bench
from bench.adapters.cross_encoder import CrossEncoderReranker
from bench.adapters.encoder_reranker import EncoderReranker
from bench.adapters.memory import batch_in_memory, is_full
from bench.adapters.reranking import Reranking
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.collection import Doc, Query
from bench.encoding import HALVED, BatchLimits, OutOfMemory, encode_window
from bench.errors import StoppedError
from bench.forms import MULTI
from bench.ranking import Run, rank
from bench.watch import Watch
from bench.weights import local_folder

LENGTHS = [3, 9, 1, 7, 12, 2, 2, 8, 5, 1, 1, 4, 6, 30, 2, 11]


def small(tokens: int, error: type[Exception]) -> Any:
    """A model that holds so many words with their padding."""

    def encode(texts: Sequence[str]) -> Any:
        if max(len(text.split()) for text in texts) * len(texts) > tokens:
            raise error("full")
        return bags(texts)

    return encode


@pytest.mark.parametrize("error", [OutOfMemory, MemoryError])
@pytest.mark.parametrize("limits", [BatchLimits(64, 8), BatchLimits(1000, 16), BatchLimits(None, 16)])
@pytest.mark.parametrize("room", [30, 47, 100])
def test_rows_are_the_same_in_any_room(error: type[Exception], limits: BatchLimits, room: int) -> None:
    texts = texts_of(LENGTHS)
    encoder = Words(small(room, error), limits, counts=limits.tokens is not None)
    done: list[int] = []
    encoded = encode_window(encoder, texts, "document", "en", done.append)
    np.testing.assert_array_equal(encoded.vectors, bags(texts))
    assert sum(done) == len(texts)
    failed = [batch for batch in encoder.seen if max(len(t.split()) for t in batch) * len(batch) > room]
    assert encoded.halved == len(failed) == len(encoder.seen) - len(done)
    if limits == BatchLimits(64, 8) and room == 100:
        assert encoded.halved == 0
    assert encoded.halved <= 4  # What failed once is not tried again in this window.


def test_a_batch_that_failed_is_cut_in_half_and_so_are_those_after_it() -> None:
    encoder = Words(small(4, MemoryError), BatchLimits(None, 8), counts=False)
    encode_window(encoder, ["a"] * 16, "document", "en")
    assert [len(batch) for batch in encoder.seen] == [8, 4, 4, 4, 4]
    encoder = Words(small(8, MemoryError), BatchLimits(16, 8))
    encode_window(encoder, ["a b"] * 8 + ["a"] * 8, "document", "en")
    assert [len(batch) for batch in encoder.seen] == [8, 4, 4, 8]  # The budget of tokens is halved, not that of texts.


def test_a_text_that_no_memory_holds_stops_with_the_reason() -> None:
    with pytest.raises(StoppedError, match=r"^full; the memory does not hold one text; what was finished is kept$"):
        encode_window(Words(small(20, OutOfMemory), BatchLimits(64, 8)), texts_of(LENGTHS), "document", "en")
    with pytest.raises(StoppedError, match=r"^the memory does not hold one text"):
        encode_window(Words(lambda texts: _raise(MemoryError()), BatchLimits()), ["a"], "query", "en")


def _raise(error: Exception) -> Any:
    raise error


def test_what_a_full_memory_looks_like() -> None:
    import torch

    full = [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you .."
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.07 GB)"),
    ]
    assert [is_full(error) for error in full] == [True] * 4
    assert [is_full(error) for error in (RuntimeError("shapes differ"), ValueError("out of memory"))] == [False, False]
    for error in full:
        with pytest.raises(OutOfMemory, match=r"^m: the memory is full$"), batch_in_memory("m"):
            raise error
    with pytest.raises(RuntimeError, match="shapes differ"), batch_in_memory("m"):
        raise RuntimeError("shapes differ")
    # What torch itself raises where the system refuses.
    with pytest.raises(OutOfMemory), batch_in_memory("m"):
        torch.empty(1 << 60)


class Crowded(toy.Toy):
    """Holds eight texts at once."""

    def _encode(self, side: str, texts: Sequence[str]) -> Any:
        if len(texts) > 8:
            raise MemoryError
        return super()._encode(side, texts)


class Spoken(Watch):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def test_a_run_goes_on_says_so_once_and_states_it(tmp_path: Path) -> None:
    watch, runs = Spoken(), []
    for number, kind in enumerate((toy.Toy, Crowded)):
        where = {"cache": tmp_path / f"c{number}", "output": tmp_path / f"o{number}", "board": tmp_path / f"b{number}"}
        runs.append(bench.run(kind(), "mini", ["en", "sw"], offline=True, watch=watch, shard_size=20, **where))
    assert runs[0]["languages"] == runs[1]["languages"]
    assert watch.said == [HALVED] * 2  # Once a language: each has its own store of what is said.
    blocks = [json.loads(Path(run["entry"]).read_text())["languages"]["en"] for run in runs]
    sides = [block["recipe"]["encoders"][0] for block in blocks]
    assert "halved" not in sides[0]["document"]
    # 24 documents in shards of 20 and 4, 72 queries in shards of 20 and 12: 20 -> 10 -> 5.
    assert (sides[1]["document"]["halved"], sides[1]["query"]["halved"]) == (2, 7)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("memory")
    tiny.save_model(root / "dense", tiny.word_tokenizer())
    heads.save_colbert(root / "colbert")
    heads.save_bert(root / "cross", tiny.word_tokenizer(), "BertForSequenceClassification", num_labels=1)
    return root


def test_a_model_on_a_small_device_gives_the_same_vectors(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    texts = [" ".join(tiny.WORDS[: 1 + i % 9]) for i in range(40)]
    encoder = SentenceTransformerEncoder(local_folder(folders / "dense"), Settings(device="cpu"))
    expected = encode_window(encoder, texts, "document", "en").vectors
    original, seen = encoder.model.encode_document, []

    def crowded(batch: list[str], **options: Any) -> Any:
        seen.append(len(batch))
        if len(batch) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(batch, **options)

    monkeypatch.setattr(encoder.model, "encode_document", crowded)
    encoded = encode_window(encoder, texts, "document", "en")
    assert encoded.halved >= 1
    assert max(seen) > 6
    np.testing.assert_allclose(encoded.vectors, expected, atol=1e-6)


class Listed:
    """A first stage with one ranking for every query, over texts of the toy words."""

    language = "en"

    def index(self, corpus: Any, workdir: Path) -> None:
        pass

    def search(self, queries: Sequence[Query], k: int) -> Run:
        return {query.id: rank([f"{i:02}" for i in range(20)], [float(-i) for i in range(20)], k) for query in queries}

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [" ".join(tiny.WORDS[: 1 + int(name) % 9]) for name in ids]


def test_a_second_stage_goes_on_with_fewer_pairs_and_says_so(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    queries = [Query("1", "river"), Query("2", "wolf star")]

    def searched(reranker: Any) -> tuple[Run, list[str]]:
        watch = Spoken()
        stage = Reranking(Listed(), reranker, 20, watch)
        stage.index(Listed(), Path())  # type: ignore[arg-type]
        return stage.search(queries, 20), watch.said

    expected, said = searched(CrossEncoderReranker(local_folder(folders / "cross")))
    assert said == []
    reranker = CrossEncoderReranker(local_folder(folders / "cross"))
    original = reranker._model.predict

    def crowded(pairs: Any, *, batch_size: int, **options: Any) -> Any:
        if batch_size > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(pairs, batch_size=batch_size, **options)

    monkeypatch.setattr(reranker._model, "predict", crowded)
    found, said = searched(reranker)
    assert said == [f"cross: the memory is full: it goes on with {size} pairs at a time" for size in (16, 8)]
    for query in expected:
        assert found[query].scores.tolist() == pytest.approx(expected[query].scores.tolist(), abs=1e-5)
    encoder = Words(small(9, MemoryError), BatchLimits(64, 8))
    encoder.form = MULTI  # type: ignore[attr-defined]
    vectors = encoder._encode
    encoder._encode = lambda texts: [row[None] for row in vectors(texts)]
    _, said = searched(EncoderReranker(encoder))  # type: ignore[arg-type]
    assert said == [HALVED]


def test_a_pair_that_no_memory_holds_stops(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = CrossEncoderReranker(local_folder(folders / "cross"))
    monkeypatch.setattr(reranker._model, "predict", lambda *arguments, **options: _raise(MemoryError()))
    with pytest.raises(StoppedError, match="the memory is full: it does not hold one pair of texts"):
        reranker.score_all([(Query("q", "river"), [Doc("d", "lake")])])
