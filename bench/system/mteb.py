"""Systems of mteb's registry: `mteb:ORG/NAME`, loaded and prompted as mteb does."""

from __future__ import annotations

from bench.adapters.complete import refuse_incomplete
from bench.adapters.mteb_model import MtebEncoder, Registered, registered, task_metadata
from bench.errors import InputError
from bench.expression import Kind, Name
from bench.model import Model
from bench.system.encoder import encoder_system
from bench.system.value import Context, System
from bench.weights import Located, hub, local_folder


def in_registry(context: Context, tree: Kind) -> System:
    """`mteb:ORG/NAME`: the commit that mteb states, or the folder of `--weights`."""
    return _system(context, str(tree), registered(tree.rest), None)


def carded(context: Context, tree: Name, card: Model) -> System:
    """A card of the kind `mteb`: the same, under the card's name and with its facts."""
    if card.mteb is None:
        raise InputError(f"models/{card.name}.yaml: mteb: this key is required for a card of the kind mteb")
    return _system(context, str(tree), registered(card.mteb), card)


def _system(context: Context, tree: str, entry: Registered, card: Model | None) -> System:
    if entry.needs_trust and not context.options.trust_remote_code:
        raise InputError(
            f"{tree}: mteb loads it with the code that lies beside its weights: allow that with --trust-remote-code"
        )
    weights = _weights(context, entry, tree)
    encoder = MtebEncoder(entry, weights, task_metadata(context.task, context.instruction), context.options.device)
    reason = f"{tree}: mteb states no commit of its weights, so nobody can tell what was measured"
    return encoder_system(
        tree,
        encoder,
        bare=card is not None and context.options.weights is None,
        cards=(card,) if card else (),
        unresolved=None if weights else reason,
        weights=(weights,) if weights else (),
    )


def _weights(context: Context, entry: Registered, name: str) -> Located | None:
    """The folder of `--weights`, or that of the hub at mteb's commit; None where mteb states none."""
    folders = context.options.weights
    if folders:
        if not entry.reads_folders or len(folders) > 1:
            takes = "one folder" if entry.reads_folders else "no folder"
            raise InputError(f"{name}: --weights: its loader in mteb takes {takes}")
        weights = local_folder(folders[0])
        refuse_incomplete(weights)
        return weights
    if entry.revision is None:
        return None
    options = context.options
    return hub(entry.name, entry.revision, offline=options.offline, bundled=options.bundled)
