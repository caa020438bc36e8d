"""What goes on beside the model: one window ahead, one shard behind, and no error lost."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wordy import Words, bags

from bench import store as storing
from bench.encoding import BatchLimits, Side, TokenCount
from bench.engine import LOCAL, Work
from bench.errors import StoppedError
from bench.overlap import Behind
from bench.store import VectorStore
from bench.watch import Watch

WINDOWS = [(n, [f"w{n} text {i}" for i in range(8)]) for n in range(6)]


class Ready:
    def __init__(self, encoder: Steps, texts: Sequence[str]) -> None:
        self._encoder, self._texts = encoder, texts
        self.count = TokenCount(np.array([len(t.split()) for t in texts]), 0, 0)

    def encode(self, positions: Sequence[int]) -> Any:
        return self._encoder.encode([self._texts[i] for i in positions], "document", "en")


class Steps(Words):
    """Writes down what it does and in which thread, and can be made to wait in the model."""

    def __init__(self) -> None:
        super().__init__(bags, BatchLimits(None, 100))
        self.steps: list[tuple[str, str, bool]] = []
        self.before_model = lambda window: None

    def prepare(self, texts: Sequence[str], side: Side) -> Ready:
        self._note("tokenise", texts)
        return Ready(self, texts)

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        self._note("encode", texts)
        self.before_model(texts[0].split()[0])
        return super().encode(texts, side, language)

    def _note(self, what: str, texts: Sequence[str]) -> None:
        here = threading.current_thread() is threading.main_thread()
        self.steps.append((what, texts[0].split()[0], here))

    def done(self, what: str) -> list[str]:
        return [window for kind, window, _ in self.steps if kind == what]


def shards(encoder: Steps, root: Path, windows: Any = WINDOWS) -> dict[int, Any]:
    return dict(LOCAL.shards(Work(encoder, VectorStore(root), "document", "en", Watch()), windows, wait=True))


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_next_window_is_tokenised_while_the_model_has_one_and_no_further(tmp_path: Path) -> None:
    encoder, read = Steps(), list[int]()

    def windows() -> Any:
        for number, texts in WINDOWS:
            read.append(number)
            yield number, texts

    def look(window: str) -> None:
        number = int(window[1:])
        if number + 1 < len(WINDOWS):
            wait_until(lambda: f"w{number + 1}" in encoder.done("tokenise"))
        assert max(read) <= number + 1  # Two windows are held, never more.

    encoder.before_model = look
    found = shards(encoder, tmp_path, windows())
    assert encoder.done("encode") == [f"w{n}" for n in range(6)]
    assert sorted(encoder.done("tokenise")) == [f"w{n}" for n in range(6)]  # Each once.
    assert {here for what, _, here in encoder.steps if what == "encode"} == {True}
    assert [here for what, _, here in encoder.steps if what == "tokenise"].count(True) == 1  # The first alone.
    for number, texts in WINDOWS:
        assert np.array_equal(np.load(found[number].path), bags(texts))


def test_a_shard_is_written_while_the_next_is_encoded_and_one_at_most_is_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, original = Steps(), storing.write_whole
    may_write = {f"w{n}": threading.Event() for n in range(7)}
    writing = list[str]()

    def slow(path: Path, data: Any) -> None:
        if path.suffix == ".npy":
            window = f"w{len(writing)}"
            writing.append(window)
            assert threading.current_thread() is not threading.main_thread()
            assert may_write[window].wait(20)
        original(path, data)

    def look(window: str) -> None:
        number = int(window[1:])
        wait_until(lambda: len(writing) == number)
        assert len(list(tmp_path.glob("*/*.json"))) == max(0, number - 1)  # All but the one that is being written.
        if number:
            may_write[f"w{number - 1}"].set()

    monkeypatch.setattr(storing, "write_whole", slow)
    may_write["w5"].set()
    encoder.before_model = look
    assert len(shards(encoder, tmp_path)) == 6
    assert len(list(tmp_path.glob("*/*.json"))) == 6


@pytest.mark.parametrize("last", [False, True])
def test_a_disk_that_fills_up_behind_the_model_stops_it_at_the_next_shard(
    last: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, original, bad = Steps(), os.replace, 5 if last else 2

    def full(path: Path, data: Any) -> None:
        if len(list(tmp_path.glob("*/*.json"))) == bad:
            raise StoppedError(f"{path}: cannot write: {os.strerror(errno.ENOSPC)}; what was there before is kept")
        write(path, data)

    write = storing.write_whole
    monkeypatch.setattr(storing, "write_whole", full)
    with pytest.raises(StoppedError, match="No space left on device"):
        shards(encoder, tmp_path)
    assert os.replace is original
    assert len(list(tmp_path.glob("*/*.json"))) == bad
    assert encoder.done("encode") == [f"w{n}" for n in range(min(6, bad + 2))]  # One more at most was encoded.
    monkeypatch.setattr(storing, "write_whole", write)
    again = Steps()
    assert len(shards(again, tmp_path)) == 6  # No lock was left behind.
    assert again.done("encode") == [f"w{n}" for n in range(bad, 6)]


def test_what_is_there_is_not_tokenised(tmp_path: Path) -> None:
    shards(Steps(), tmp_path)
    encoder = Steps()
    assert all(shard.reused for shard in shards(encoder, tmp_path).values())
    assert encoder.steps == []


def test_an_error_behind_does_not_hide_the_one_before_it() -> None:
    with pytest.raises(ValueError, match="of the model"), Behind() as behind:
        behind.submit(lambda: 1 / 0)
        raise ValueError("of the model")
    with pytest.raises(ZeroDivisionError), Behind() as behind:
        behind.submit(lambda: 1 / 0)
