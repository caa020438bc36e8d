"""Texts tokenised once: counted, sorted and cut by their tokens, and handed to the model as the tokens they are.

sentence-transformers tokenises what it encodes, one batch after the other. Here a window of texts is tokenised before
the model has time for it, and the library is given the tokens in place of its own, which are the same: the first batch
of each kind is tokenised by both, and where they differ in anything the library's own are used from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.encoding import Side, TokenCount

Row = NDArray[np.int32]
_SAID = frozenset({"modality", "prompt_length", "task"})  # What features say beside tensors; the same for every batch.


@dataclass(frozen=True)
class Tokeniser:
    """A model's tokenizer for one side: the prompt before every text, and the number of tokens that is kept of each."""

    tokenizer: Any
    prompt: str
    limit: int
    lock: Lock  # A tokenizer is told how to cut before it is given texts: two threads would confuse it.

    def rows(self, texts: Sequence[str]) -> list[Row]:
        """The token ids of each text, prompt and specials included, before anything is cut off."""
        whole = [self.prompt + text for text in texts]
        with self.lock:
            found = self.tokenizer(
                whole, truncation=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
            )
        return [np.asarray(row, dtype=np.int32) for row in found["input_ids"]]

    def cut(self, row: Row) -> Row:
        """A row at the limit: specials at the end keep their place."""
        if len(row) <= self.limit:
            return row
        tail = self._tail(row)
        return np.concatenate([row[: self.limit - tail], row[len(row) - tail :]])

    def count(self, rows: Sequence[Row]) -> TokenCount:
        """The tokens that the model sees, the texts that are cut, the unknown tokens among those left of the texts."""
        lengths = np.array([min(len(row), self.limit) for row in rows], dtype=np.int64)
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        seen = 0 if unknown is None else sum(int((self._before_tail(row) == unknown).sum()) for row in rows)
        return TokenCount(lengths, sum(len(row) > self.limit for row in rows), seen)

    def features(self, rows: Sequence[Row]) -> dict[str, NDArray[np.int64]]:
        """What a model takes: ids, mask and types, padded to the longest row."""
        shape, left = (len(rows), max(map(len, rows))), self.tokenizer.padding_side == "left"
        ids, mask = np.full(shape, self.tokenizer.pad_token_id or 0, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for place, row in enumerate(rows):
            part = slice(shape[1] - len(row), None) if left else slice(len(row))
            ids[place, part], mask[place, part] = row, 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, dtype=np.int64)}

    def _before_tail(self, row: Row) -> Row:
        return row if len(row) <= self.limit else row[: self.limit - self._tail(row)]

    def _tail(self, row: Row) -> int:
        specials = set(self.tokenizer.all_special_ids) - {getattr(self.tokenizer, "unk_token_id", None)}
        return next((i for i, token in enumerate(reversed(row.tolist())) if token not in specials), 0)


class Features:
    """A model's features made of tokens, once they have been seen to be the library's own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Side, bool], frozenset[str] | None] = {}
        self._said: dict[Side, dict[str, Any]] = {}

    def of(self, tokeniser: Tokeniser, side: Side, rows: Sequence[Row], own: Callable[[], Any]) -> Any:
        """The features of a batch; `own` makes those of the library.

        Batches with a text that is cut are held against the library's apart from those without.
        """
        kind = (side, any(len(row) > tokeniser.limit for row in rows))
        if kind in self._seen and self._seen[kind] is None:
            with tokeniser.lock:
                return own()
        import torch

        cut = [tokeniser.cut(row) for row in rows]
        made = {name: torch.from_numpy(array) for name, array in tokeniser.features(cut).items()}
        if kind in self._seen:
            return {name: made[name] for name in sorted(self._seen[kind] or ())} | self._said[side]
        with tokeniser.lock:
            library = own()
        self._seen[kind], self._said[side] = _same(made, library), {k: library[k] for k in _SAID if k in library}
        return library


def _same(made: dict[str, Any], library: Any) -> frozenset[str] | None:
    """The names of the tensors that the library makes, where they are equal to these; None where anything differs."""
    import torch

    names = frozenset(library) - _SAID
    if not {"input_ids", "attention_mask"} <= names <= set(made):
        return None
    tensors = all(isinstance(library[name], torch.Tensor) for name in names)
    same = tensors and all(
        library[name].dtype == made[name].dtype and torch.equal(library[name], made[name]) for name in names
    )
    return names if same else None


@dataclass(frozen=True)
class TokenisedTexts:
    """Texts with their tokens; `encode_batch` encodes some of them by their tokens."""

    texts: Sequence[str]
    rows: Sequence[Row]
    count: TokenCount
    encode_batch: Callable[[list[str], list[Row]], Any]

    def encode(self, positions: Sequence[int]) -> Any:
        """One batch, in the order of the positions."""
        return self.encode_batch([self.texts[i] for i in positions], [self.rows[i] for i in positions])
