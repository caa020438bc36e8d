"""XQuAD-R's languages with the number of their sentences, and its original files opened."""

from __future__ import annotations

from pathlib import Path

from bench.loaders import open_source
from bench.loaders.lareqa import Lareqa
from bench.places import Places
from bench.registry import Registry
from bench.task import Task

# The README beside the files: candidate sentences.
SENTENCES = {
    **{"ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244},
    **{"ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196},
}


def opened(data: Path, language: str, task: str | Task = "xquad-r") -> Lareqa:
    card = task if isinstance(task, Task) else Registry().task(task)
    source = open_source(card, language, "validation", Places(data, Path("nowhere"), offline=True))
    assert isinstance(source, Lareqa)
    return source
