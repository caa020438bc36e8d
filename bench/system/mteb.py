"""Systems of mteb's registry: `mteb:ORG/NAME`, loaded and prompted as mteb does, and its re-rankers."""

from __future__ import annotations

from typing import Any

from bench.adapters.complete import refuse_incomplete
from bench.adapters.mteb_model import MtebEncoder
from bench.adapters.mteb_registry import Registered, registered, task_metadata
from bench.adapters.pickled import refuse_pickled
from bench.adapters.remote_code import code_of, pinned_code
from bench.errors import InputError
from bench.expression import Kind, Name
from bench.model import Model
from bench.retriever import Reranker
from bench.system.encoder import encoder_system
from bench.system.value import Context, System
from bench.weights import Located, hub, local_folder

_INSTEAD = {
    "cross-encoder": "it re-ranks what another model finds: a >> cross:mteb:{name}[100]",
    "late-interaction": "late:{name} runs it",
    "sparse": "sparse:{name} runs it",
}
"""How a model is written that mteb has as something else than dense."""


def in_registry(context: Context, tree: Kind) -> System:
    """`mteb:ORG/NAME`: the commit that mteb states, or the folder of `--weights`."""
    return _system(context, str(tree), registered(tree.rest), None)


def carded(context: Context, tree: Name, card: Model) -> System:
    """A card of the kind `mteb`: the same, under the card's name and with its facts."""
    if card.mteb is None:
        raise InputError(f"models/{card.name}.yaml: mteb: this key is required for a card of the kind mteb")
    return _system(context, str(tree), registered(card.mteb), card)


def reranker(context: Context, name: str) -> tuple[Reranker, tuple[Located, ...], str | None]:
    """What stands behind `cross:mteb:NAME`: a re-ranker, its weights, and the reason why no board takes it, if any."""
    from bench.adapters.mteb_reranker import MtebReranker

    entry, where = registered(name), f"cross:mteb:{name}"
    if "cross-encoder" not in entry.kinds:
        raise InputError(f"{where}: mteb has it as {' and '.join(entry.kinds)}: no cross-encoder")
    weights = _weights(context, entry, where, stage=True)
    task = task_metadata(context.task, context.instruction)
    made = MtebReranker(entry, weights, task, context.options.first_device, _code(context, entry, weights, where))
    return made, (weights,) if weights else (), _unresolved(entry, weights, where)


def _system(context: Context, tree: str, entry: Registered, card: Model | None) -> System:
    if entry.searches:
        return _searching(context, tree, entry)
    if "dense" not in entry.kinds:
        kind = next((kind for kind in entry.kinds if kind in _INSTEAD), None)
        instead = _INSTEAD[kind].format(name=entry.name) if kind else "only dense models and its bm25 are run so"
        raise InputError(f"{tree}: mteb has it as {' and '.join(entry.kinds)}: {instead}")
    weights = _weights(context, entry, tree)
    task, code = task_metadata(context.task, context.instruction), _code(context, entry, weights, tree)
    return encoder_system(
        tree,
        MtebEncoder(entry, weights, task, context.options.first_device, code),
        bare=card is not None and context.options.weights is None,
        cards=(card,) if card else (),
        unresolved=_unresolved(entry, weights, tree),
        weights=(weights,) if weights else (),
    )


def _searching(context: Context, tree: str, entry: Registered) -> System:
    """A model that indexes and searches by itself."""
    from bench.adapters.mteb_search import MtebSearch, recipe
    from bench.loaders.mteb.languages import long_code

    if context.options.weights:
        raise InputError(f"{tree}: --weights: it has none")
    task = task_metadata(context.task, context.instruction)
    return System(tree, False, {"mteb": recipe(entry, task)}, lambda setting: MtebSearch(entry, task, long_code))


def _unresolved(entry: Registered, weights: Located | None, name: str) -> str | None:
    known = weights is not None or entry.name.startswith("mteb/baseline-")  # Mteb's own, which have no weights.
    return None if known else f"{name}: mteb states no commit of its weights, so nobody can tell what was measured"


def _code(context: Context, entry: Registered, weights: Located | None, name: str) -> dict[str, Any] | None:
    """The trusted code beside the weights, refused where nothing can pin it; None where there is none."""
    if weights is None or not entry.needs_trust:
        return None
    elsewhere = [place for place in code_of(weights) if place != "."]
    if elsewhere:
        raise InputError(f"{name}: mteb would load code from {elsewhere[0]} at no stated commit: nothing can pin it")
    return pinned_code(weights, trusted=True, offline=context.options.offline)


def _weights(context: Context, entry: Registered, name: str, *, stage: bool = False) -> Located | None:
    """The folder of `--weights`, or that of the hub at mteb's commit; None where mteb states none.

    Refused are what is not whole, pickles and code that nobody has allowed.
    """
    options = context.options
    if entry.needs_trust and not options.trust_remote_code:
        raise InputError(
            f"{name}: mteb loads it with the code that lies beside its weights: allow that with --trust-remote-code"
        )
    folders = None if stage else options.weights
    if folders:
        if not entry.reads_folders or len(folders) > 1:
            takes = "one folder" if entry.reads_folders else "no folder"
            raise InputError(f"{name}: --weights: its loader in mteb takes {takes}")
        weights = local_folder(folders[0])
        refuse_incomplete(weights)
    elif entry.revision is None:
        return None
    else:
        weights = hub(entry.name, entry.revision, offline=options.offline, bundled=options.bundled)
    refuse_pickled(weights, allowed=options.allow_pickle)
    return weights
