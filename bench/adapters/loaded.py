"""A model of sentence-transformers as its card or an option says: dtype, attention, backend, pooling, lengths."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from bench.adapters.accelerators import refuse_absent
from bench.adapters.backend import OPENVINO, library, openvino_options, quiet, refuse_other_precision
from bench.adapters.complete import nothing_made_up
from bench.adapters.memory import is_full
from bench.adapters.remote_code import UNTRUSTED, code_options
from bench.errors import InputError, MissingError, StoppedError
from bench.model import Lengths, Sides
from bench.weights import Located


@dataclass(frozen=True)
class Settings:
    """What a card or an option says of how to encode; None is the model's own.

    `remote_code` says which trusted code runs: commits by repository, or `.` for the folder's own files.
    """

    prompts: Sides | None = None
    pooling: str | None = None
    similarity: str | None = None
    max_length: Lengths = field(default_factory=Lengths)
    dtype: str = "float32"
    backend: str = "torch"
    attention: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    remote_code: dict[str, Any] | None = None


def loaded(weights: Located, settings: Settings, kind: str) -> Any:
    """The model, by the library's class of that kind.

    InputError where code, an attention or a dtype is wanted that is not to be had, MissingError for damaged weights and
    libraries that do not fit together, StoppedError where memory does not hold the weights.
    """
    sentence_transformers = library()
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    refuse_absent(settings.device)
    try:
        with nothing_made_up(weights.name), quiet() if settings.backend == OPENVINO else nullcontext():
            model = getattr(sentence_transformers, kind)(
                str(weights.folder),
                device="cpu" if settings.backend == OPENVINO else settings.device,
                trust_remote_code=settings.trust_remote_code,
                local_files_only=True,
                **_options(settings),
            )
    except MissingError:
        raise
    except Exception as error:  # tokenizers and safetensors raise nothing more special for a damaged file
        if is_full(error):
            raise StoppedError(f"{weights.name}: there is not enough memory for these weights") from error
        if "trust_remote_code" in str(error) and not settings.trust_remote_code:
            raise InputError(f"{weights.name}: {UNTRUSTED}") from error
        if settings.attention and "attention" in str(error).lower():
            raise InputError(f"{weights.name}: --attention {settings.attention}: {error}") from error
        with_what = f" with its backend {settings.backend}" if settings.backend != "torch" else ""
        raise MissingError(f"{weights.name}: cannot load these weights{with_what}: {error}") from error
    if settings.backend == OPENVINO:
        refuse_other_precision(weights.name, model, settings.dtype)
    set_pooling(model, weights, settings)
    set_lengths(model, weights, settings)
    return model


def _options(settings: Settings) -> dict[str, Any]:
    """What the library's class is told beside the folder: only what differs from its own choice."""
    import torch

    code = code_options(settings.remote_code)
    if settings.backend == OPENVINO:
        told = openvino_options(settings.dtype)
        return {"backend": OPENVINO, "model_kwargs": {**told, **code}, "config_kwargs": code}
    attention = {"attn_implementation": settings.attention} if settings.attention else {}
    return {"model_kwargs": {"dtype": getattr(torch, settings.dtype), **attention, **code}, "config_kwargs": code}


def set_pooling(model: Any, weights: Located, settings: Settings) -> None:
    """The card's pooling in the place of the folder's own."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    wanted = settings.pooling
    if wanted is None:
        return
    places = [i for i, module in enumerate(model) if isinstance(module, Pooling)]
    if not places:
        raise InputError(f"{weights.name}: its card says `pooling: {wanted}`, and the model has no pooling")
    for i in places:
        if model[i].pooling_mode != wanted:
            model[i] = Pooling(model[i].embedding_dimension, wanted, model[i].include_prompt)


def set_lengths(model: Any, weights: Located, settings: Settings) -> None:
    """The card's lengths in the place of the folder's; a side that the card leaves out keeps its own."""
    lengths = settings.max_length
    both = lengths.query is not None and lengths.query == lengths.document
    if both:
        model.max_seq_length = lengths.query
    for name, limit in (("query_length", lengths.query), ("document_length", lengths.document)):
        if limit is not None and hasattr(model[0], name):
            setattr(model[0], name, limit)
        elif limit is not None and not both:
            raise InputError(f"{weights.name}: its card gives the sides different lengths; the model has one")
