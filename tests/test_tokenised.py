"""Tokenised once, encoded beside itself: the same vectors as the library makes by itself, to the last bit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from bench.adapters.devices import Devices, devices_of
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.encoding import Side, TextEncoder, encode_window
from bench.errors import InputError
from bench.model import Sides
from bench.weights import local_folder

TEXTS = [
    " ".join((tiny.WORDS * 4)[i % 7 : i % 7 + 1 + (i * 5) % 23]) + (" zebra" if i % 4 == 0 else "") for i in range(90)
]


class Plain:
    """The same encoder with nothing but its `encode`: the library tokenises every batch itself."""

    uses_language = False

    def __init__(self, encoder: SentenceTransformerEncoder) -> None:
        self.limits, self.form, self.encode, self.count_tokens = (
            encoder.limits,
            encoder.form,
            encoder.encode,
            encoder.count_tokens,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tokenised")
    return tiny.save_model(root / "model", tiny.word_tokenizer(), lengths=(8, 16), normalized=True)


def encoder_of(folder: Path, **settings: Any) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(local_folder(folder), Settings(device="cpu", **settings))


def counted_calls(encoder: SentenceTransformerEncoder) -> list[int]:
    """The number of texts of each call of the tokenizer from now on."""
    tokenizer, calls = encoder.model.tokenizer, list[int]()
    kind = type(tokenizer)

    class Counting(kind):  # type: ignore[misc, valid-type]
        def __call__(self, texts: Any, *more: Any, **options: Any) -> Any:
            calls.append(len(texts))
            return super().__call__(texts, *more, **options)

    tokenizer.__class__ = Counting
    return calls


@pytest.mark.parametrize("side", ["query", "document"])
@pytest.mark.parametrize("prompts", [None, Sides(query="wolf ", document="lake star ")])
def test_vectors_are_those_of_the_library_and_no_text_is_tokenised_twice(
    folder: Path, side: Side, prompts: Sides | None
) -> None:
    encoder = encoder_of(folder, prompts=prompts)
    expected = encode_window(Plain(encoder), TEXTS, side, "en")  # type: ignore[arg-type]
    encode_window(encoder, TEXTS, side, "en")  # The first batches of each kind are tokenised by both.
    calls = counted_calls(encoder)
    encoded = encode_window(encoder, TEXTS, side, "en")
    assert calls == [len(TEXTS)]
    assert np.array_equal(encoded.vectors, expected.vectors)
    assert (encoded.tokens, encoded.truncated, encoded.unknown) == (
        expected.tokens,
        expected.truncated,
        expected.unknown,
    )
    assert encoded.truncated and encoded.unknown


def test_a_library_that_makes_other_features_keeps_its_own(folder: Path) -> None:
    encoder = encoder_of(folder)
    expected = encode_window(Plain(encoder), TEXTS, "document", "en").vectors  # type: ignore[arg-type]
    encoder.model.tokenizer.truncation_side = "left"
    other = encode_window(Plain(encoder), TEXTS, "document", "en").vectors  # type: ignore[arg-type]
    for _ in range(2):
        assert np.array_equal(encode_window(encoder, TEXTS, "document", "en").vectors, other)
    assert not np.array_equal(other, expected)


def test_several_devices_give_the_vectors_of_one(folder: Path) -> None:
    one = encoder_of(folder)
    several = Devices([encoder_of(folder) for _ in range(3)])
    assert isinstance(several, object) and several.recipe("document") == one.recipe("document")
    done: list[int] = []
    encoded = encode_window(several, TEXTS, "document", "en", done.append)
    expected = encode_window(one, TEXTS, "document", "en")
    assert np.array_equal(encoded.vectors, expected.vectors)
    assert sum(done) == len(TEXTS)
    assert several.environment()["devices"] == 3


def test_batches_go_to_all_devices_at_a_time_and_a_full_one_gets_smaller_ones() -> None:
    """Each device waits for the other: one alone would wait for ever."""
    from wordy import Words, bags

    from bench.encoding import BatchLimits

    together, sizes = threading.Barrier(2, timeout=20), list[int]()

    class Device(Words):
        def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
            sizes.append(len(texts))
            if len(sizes) <= 2:
                together.wait()
            if len(texts) > 5:
                raise MemoryError
            return super().encode(texts, side, language)

    texts = [f"{n} of many" for n in range(64)]
    limits = BatchLimits(24, 8)
    encoded = encode_window(Devices([Device(bags, limits), Device(bags, limits)]), texts, "document", "en")
    assert np.array_equal(encoded.vectors, bags(texts))
    assert encoded.halved == 1 and min(sizes[:2]) > 5 >= max(sizes[4:])


@pytest.mark.parametrize("text", ["cuda:0,cpu", "cpu,cuda"])
def test_devices_of_several_kinds_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"--device {text}: expected one device, or several of one kind"):
        devices_of(text)


@pytest.mark.parametrize("text", ["tpu", "cpu,", ",", "", "cuda:x", "cuda:0,gpu", "CPU"])
def test_devices_that_there_are_not_are_refused(text: str) -> None:
    with pytest.raises(
        InputError, match=rf"^--device {text}: no device '.*': expected cpu, cuda, .*, or such as cuda:0$"
    ):
        devices_of(text)


def test_devices_are_read_from_the_option() -> None:
    assert devices_of(None) == [None]
    assert devices_of("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]


def test_attention_is_what_the_model_computes_with_and_keys_its_vectors(folder: Path) -> None:
    eager, own = encoder_of(folder, attention="eager"), encoder_of(folder)
    assert eager.model[0].model.config._attn_implementation == "eager"
    assert eager.recipe("document") == own.recipe("document") | {"attention": "eager"}
    assert own.recipe("document")["attention"] == "default"
    assert own.reference() is None and eager.reference() is not None
    a, b = (encode_window(e, TEXTS, "document", "en").vectors for e in (eager, own))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_an_attention_that_is_not_installed_is_a_mistake_of_the_caller(folder: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="--attention flash_attention_2: "):
        encode_window(encoder_of(folder, attention="flash_attention_2"), TEXTS[:1], "document", "en")


def test_text_encoders_all_the_same(folder: Path) -> None:
    encoder: TextEncoder = Devices([encoder_of(folder)])
    assert encoder.rendered("wolf", "query") == encoder_of(folder).rendered("wolf", "query")
