"""Folders of weights with nothing wrong, to be damaged, and a run that is refused and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import heads
import pytest
import tiny
from console import Outcome, call

Bench = Callable[..., Outcome]


def save_whole(root: Path) -> Path:
    """`dense` with a projection, `bert`, `cross`, `bge-m3`."""
    tokenizer = tiny.word_tokenizer()
    tiny.save_model(root / "dense", tokenizer, projection=16, prompts={"query": "river "})
    heads.save_bert(root / "bert", tokenizer)
    heads.save_bert(root / "cross", tokenizer, "BertForSequenceClassification", num_labels=1)
    heads.save_bge_m3(root / "bge-m3", tokenizer)
    return root


def english(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """`bench run` of a model on `mini`, English, with folders of its own."""

    def run(model: str, *arguments: object) -> Outcome:
        where = ("--cache", tmp_path / "cache", "--board", tmp_path / "board", "--offline")
        return call(capsys, "run", "--model", model, "--task", "mini", "--lang", "en", *where, *arguments)

    return run


def refused(bench: Bench, tmp_path: Path, code: int, message: str, model: str, *arguments: object) -> None:
    """The command line says so, exits with the code, and has written neither results nor vectors."""
    outcome = bench(model, *arguments)
    assert message in outcome.err
    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "board").exists()
    written = (
        [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] if (tmp_path / "cache").exists() else []
    )
    assert [path for path in written if path.suffix in (".npy", ".json", ".gz", ".parquet")] == []
