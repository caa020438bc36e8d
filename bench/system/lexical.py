"""Systems that match words."""

from __future__ import annotations

from bench.adapters.bm25 import BM25
from bench.expression import Name
from bench.files import digest
from bench.model import Model
from bench.system.value import Context, System


def bm25(context: Context, tree: Name, card: Model) -> System:
    """A card of the kind `bm25`; one with a fault is refused here, before any data are read."""
    BM25(card.settings)
    stated = {key: card.settings[key] for key in ("method", "k1", "b", "analysis_version")}
    stated["analysis"] = digest({key: card.settings[key] for key in ("default", "languages")})
    return System(card.name, True, {"bm25": stated}, lambda setting: BM25(card.settings), cards=(card,))
