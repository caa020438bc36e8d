"""Is a folder of weights whole? What sentence-transformers would fill in without a word is refused and named.

The library builds what a folder lacks: a projection, a sparse head, weights whose names the checkpoint does not hold.
All of it starts out random, and the numbers would look like those of a bad model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from bench.errors import InputError, MissingError
from bench.model import Model
from bench.weights import Located

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
"""Files of which a transformer needs one: its weights, and the vocabulary of its tokenizer."""

# Modules that cannot be built without the files of their folder; others (Normalize) have none to lose.
_CONFIGURED = ("Pooling", "Dense", "LayerNorm", "CNN", "LSTM", "WeightedLayerPooling", "SpladePooling", "Router")
_WEIGHTED = ("Dense", "LayerNorm", "CNN", "LSTM", "WeightedLayerPooling", "SparseStaticEmbedding", "StaticEmbedding")


class Part(NamedTuple):
    """A module that `modules.json` lists: its type, its folder inside the folder, its settings."""

    type: str
    path: str
    config: dict[str, Any]

    @property
    def kind(self) -> str:
        """The last name of its type: `Pooling`."""
        return self.type.rsplit(".", 1)[-1]


def parts(weights: Located) -> tuple[Part, ...]:
    """The modules of a sentence-transformers folder in their order, () for a plain transformer."""
    path = weights.folder / "modules.json"
    if not path.exists():
        return ()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_part(weights, row["type"], row["path"]) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingError(
            f"{path}: expected a list of modules, each with type and path; the folder of weights is damaged"
        ) from error


def _part(weights: Located, kind: str, path: str) -> Part:
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts:
        raise MissingError(f"{weights.name}: modules.json: the module {path!r} lies outside of the folder")
    config = weights.config(f"{path}/config.json") if path else {}
    return Part(kind, path, config)


def refuse_incomplete(weights: Located) -> None:
    """MissingError for the files that a folder lacks: of its modules, of its weights, of its tokenizer."""
    listed = parts(weights)
    lacking = [
        f"{part.path}/{' or '.join(names)}"
        for part in listed
        if part.path
        for names in _needed(part.kind)
        if not _any(weights, names, part.path)
    ]
    if not listed or any(part.kind == "Transformer" and not part.path for part in listed):
        lacking += [" or ".join(names) for names in (("config.json",), WEIGHTS, TOKENIZERS) if not _any(weights, names)]
    if lacking:
        raise MissingError(
            f"{weights.name}: the folder of weights is not complete, and what it lacks would be made up: "
            f"{'; '.join(lacking)}"
        )


def _needed(kind: str) -> Iterator[Sequence[str]]:
    if kind in _CONFIGURED:
        yield ("router_config.json", "config.json") if kind == "Router" else ("config.json",)
    if kind in _WEIGHTED:
        yield WEIGHTS[:2]
    if kind == "Transformer":
        yield from (("config.json",), WEIGHTS, TOKENIZERS)


def _any(weights: Located, names: Sequence[str], path: str = "") -> bool:
    # An adapter folder (PEFT) holds its own weights, and names the model that it is put on.
    return any((weights.folder / path / name).is_file() for name in names) or (
        names is WEIGHTS and (weights.folder / path / "adapter_config.json").is_file()
    )


def architecture(weights: Located) -> str | None:
    """The `model_type` of the folder's transformer, None where it states none."""
    places = [part.path for part in parts(weights) if part.kind == "Transformer"] or [""]
    found = [weights.config(f"{path}/config.json" if path else "config.json").get("model_type") for path in places]
    return next((str(name) for name in found if name), None)


def refuse_other_architecture(card: Model, weights: Located) -> None:
    """InputError for a folder with another kind of transformer than the card's."""
    expected = card.weights.architectures if card.weights else ()
    found = architecture(weights)
    if expected and found not in expected:
        raise InputError(
            f"{card.name}: {weights.name}: expected weights of the model_type {' or '.join(expected)}, found "
            f"{found or 'none'} in config.json"
        )


def require_part(weights: Located, kinds: Sequence[str], what: str) -> Part:
    """The first module of one of these kinds; MissingError where the folder lists none, since it would be random."""
    found = next((part for part in parts(weights) if part.kind in kinds), None)
    if found is None:
        raise MissingError(
            f"{weights.name}: the folder has no {what} (no module {' or '.join(kinds)} in modules.json): "
            "the library would fill in a random one"
        )
    return found


@contextmanager
def nothing_made_up(name: str, ignored: Sequence[str] = ("pooler.",)) -> Iterator[None]:
    """Inside, every transformer must find all its weights in its checkpoint; MissingError names those that it did not.

    `ignored` are parts of names whose values reach no vector: the pooler of BERT, which pooling passes by.
    """
    from transformers import PreTrainedModel

    library: Any = PreTrainedModel
    original = library.__dict__["from_pretrained"].__func__
    made_up: list[str] = []

    def watched(cls: Any, *arguments: Any, **options: Any) -> Any:
        told = options.pop("output_loading_info", False)
        model, info = original(cls, *arguments, output_loading_info=True, **options)
        names = {str(key[0] if isinstance(key, tuple) else key) for key in info["mismatched_keys"]}
        made_up.extend(sorted({*info["missing_keys"], *names}))
        return (model, info) if told else model

    library.from_pretrained = classmethod(watched)
    try:
        yield
    finally:
        library.from_pretrained = classmethod(original)
    random = [key for key in made_up if not any(part in f"{key}." for part in ignored)]
    if random:
        shown = ", ".join(random[:3]) + (f" and {len(random) - 3} more" if len(random) > 3 else "")
        raise MissingError(f"{name}: the checkpoint lacks {shown}: the library would fill in random values")
