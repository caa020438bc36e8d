"""Randomness: seeded while a run lasts, and then given back to the caller as it was.

The harness itself draws nothing; a model may. A training loop that measures its model goes on with its own numbers.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, the generators of Python, numpy and, where it is loaded, torch start from `seed`."""
    own, numpys = random.getstate(), np.random.get_state()
    torch: Any = sys.modules.get("torch")
    try:
        with _forked(torch) if torch else nullcontext():
            random.seed(seed)
            np.random.seed(seed)
            if torch:
                torch.manual_seed(seed)
            yield
    finally:
        random.setstate(own)
        np.random.set_state(numpys)


def _forked(torch: Any) -> Any:
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return torch.random.fork_rng(devices)
