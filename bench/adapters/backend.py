"""What computes a transformer: torch, or OpenVINO on the processor, as `backend` of a card says.

OpenVINO reads torch's weights anew at every load, into a temporary folder that goes with the process: files that a
folder brings along for it may be of fewer bits, and no digest would say so. Where it is left to choose, it computes
in bfloat16 on processors that can, and keeps large models in 8 bits: it is told the dtype, and held to it.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from bench.errors import InputError, MissingError
from bench.weights import version

OPENVINO = "openvino"
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
"""By the dtype: the name that OpenVINO has for what it computes in."""
_LIBRARIES = ("openvino", "optimum-intel")
_EXTRA = f"pip install 'multilingual-retrieval-bench[{OPENVINO}]' in an environment of its own (docs/scale.md)"
_PROPERTY = "INFERENCE_PRECISION_HINT"


def refuse_absent_backend(name: str, backend: str, dtype: str, attention: str | None) -> None:
    """MissingError where a card's backend is not installed, InputError where it cannot do what is asked."""
    if backend == "torch":
        return
    if attention:
        raise InputError(f"{name}: --attention {attention}: its backend {backend} has one of its own")
    if dtype not in _PRECISIONS:
        raise InputError(f"{name}: --dtype {dtype}: its backend {backend} computes in {' or '.join(_PRECISIONS)}")
    if find_spec("optimum") is None or find_spec(backend) is None:
        raise MissingError(f"{name}: its card says `backend: {backend}`, which is not installed: {_EXTRA}")


def library() -> Any:
    """The module sentence_transformers; MissingError where something that is installed beside it keeps it from loading.

    OpenVINO tells its maker that it is used, unasked and whatever --offline says; without the package that does so
    it has a stub of its own.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: cannot be imported.
    try:
        import sentence_transformers
    except Exception as error:  # a library made for another version of its neighbour raises whatever it meets first
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__  # type: ignore[assignment]
        hint = ": it is made for another torch: pip uninstall torchvision, which nothing here needs"
        raise MissingError(
            f"sentence-transformers cannot be imported: {cause}{hint if 'torchvision' in str(cause) else ''}"
        ) from error
    return sentence_transformers


def openvino_options(dtype: str) -> dict[str, Any]:
    """What sentence-transformers is told for OpenVINO: as many threads as torch has, and nothing of its own choice."""
    import torch

    told = {_PROPERTY: _PRECISIONS[dtype], "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    return {"export": True, "load_in_8bit": False, "ov_config": told}


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, what converts a model keeps to itself how it does so, and that it could be saved beside the weights."""
    disabled, logger = logging.root.manager.disable, logging.getLogger("sentence_transformers")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)  # Its advice comes when the export has let all loggers speak again.
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logger.setLevel(level)
            logging.disable(disabled)


def refuse_other_precision(name: str, model: Any, dtype: str) -> None:
    """InputError where OpenVINO computes in something else than it was told, which it does without a word."""
    compiled = model[0].model.request
    found = str(compiled.get_property(_PROPERTY).to_string())
    if found != _PRECISIONS[dtype]:
        raise InputError(
            f"{name}: --dtype {dtype}: on this processor its backend {OPENVINO} computes in {found} instead"
        )


def versions(backend: str) -> dict[str, str]:
    """Of the libraries of a backend beside torch's."""
    return {name: version(name) or "unknown" for name in _LIBRARIES} if backend == OPENVINO else {}
