"""Systems of the models that lie inside a Python package and run without torch."""

from __future__ import annotations

from bench.adapters.embedded import embedded_encoder
from bench.expression import Name
from bench.model import Model
from bench.system.encoder import encoder_system
from bench.system.value import Context, System
from bench.weights import locate


def carded(context: Context, tree: Name, card: Model) -> System:
    """A card of the kind `embedded`."""
    (weights,) = locate(card, offline=context.options.offline)
    return encoder_system(str(tree), embedded_encoder(card, weights), bare=True, cards=(card,), weights=(weights,))
