"""Systems of sentence-transformers models: a card, a name of the hub, a folder.

The kind of a card says the family: `dense`, `sparse` or `late`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.adapters.complete import refuse_other_architecture
from bench.adapters.devices import Devices, devices_of
from bench.adapters.families import DENSE, LATE, LEARNED_SPARSE
from bench.adapters.pickled import refuse_pickled
from bench.adapters.remote_code import pinned_code, refuse_untrusted
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.adapters.two_towers import TwoTowers
from bench.encoding import TextEncoder
from bench.errors import InputError
from bench.expression import Kind, Name
from bench.model import Model, Sides
from bench.system.encoder import encoder_system
from bench.system.value import Context, System
from bench.weights import Located, hub, local_folder, locate

FAMILIES = {"dense": DENSE, "sparse": LEARNED_SPARSE, "late": LATE}
"""By the kind of a card."""


def carded(context: Context, tree: Name, card: Model) -> System:
    """A card with the weights that it names or those of `--weights`, which may be two towers."""
    options = context.options
    weights = locate(card, options.weights, offline=options.offline, bundled=options.bundled)
    for folder in weights:
        refuse_other_architecture(card, folder)
        refuse_untrusted(card, folder, trusted=options.trust_remote_code)
    towers = tuple(_encoder(context, card, folder) for folder in weights)
    encoder = towers[0] if len(towers) == 1 else TwoTowers(*towers)
    # The name of a card that pins no commit does not say what was measured.
    pinned = card.weights is not None and (card.weights.hub is None or card.weights.revision is not None)
    own = pinned and options.weights is None and options.dtype in (None, card.dtypes[0])
    own = own and options.attention in (None, card.attention)
    return encoder_system(str(tree), encoder, bare=own, cards=(card,), weights=weights)


def on_hub(context: Context, tree: Kind) -> System:
    """`hf:ORG/NAME[@REV]`: whatever of the hub sentence-transformers can load, with its own settings."""
    model, _, revision = tree.rest.partition("@")
    weights = hub(model, revision or None, offline=context.options.offline, bundled=context.options.bundled)
    return _without_card(context, str(tree), weights)


def in_folder(context: Context, tree: Kind) -> System:
    """`path:DIR`: a folder of the user's own, stored by its last name alone."""
    weights = local_folder(Path(tree.rest).expanduser())
    return _without_card(context, str(Kind("path", weights.name)), weights)


def of_family(context: Context, tree: Kind) -> System:
    """`sparse:NAME` or `late:NAME`: a card of that kind, a model of the hub or a folder, as a first stage."""
    name, weights, encoder = encoder_of(context, tree.kind, tree.rest)
    return encoder_system(str(Kind(tree.kind, name)), encoder, bare=False, weights=(weights,))


def encoder_of(context: Context, kind: str, rest: str) -> tuple[str, Located, TextEncoder]:
    """What stands behind `late:` or `sparse:`: its name in results, its weights, its encoder."""
    offline = context.options.offline
    if rest.startswith(("/", ".", "~")):
        weights = local_folder(Path(rest).expanduser())
        return weights.name, weights, _encoder(context, _bare_card(context, kind), weights)
    if "/" in rest:
        model, _, revision = rest.partition("@")
        weights = hub(model, revision or None, offline=offline, bundled=context.options.bundled)
        return rest, weights, _encoder(context, _bare_card(context, kind), weights)
    card = context.registry.model(rest)
    if card.kind != kind:
        raise InputError(f"{kind}:{rest}: the model {rest!r} is of the kind {card.kind}, not {kind}")
    (weights,) = locate(card, offline=offline, bundled=context.options.bundled)
    return rest, weights, _encoder(context, card, weights)


def _without_card(context: Context, name: str, weights: Located) -> System:
    card = _bare_card(context, "dense")
    return encoder_system(name, _encoder(context, card, weights), bare=False, weights=(weights,))


def _bare_card(context: Context, kind: Any) -> Model:
    dtype = context.options.dtype or "float32"
    return Model(name="unnamed", kind=kind, description="", licence="unknown", languages="any", dtypes=(dtype,))


def _encoder(context: Context, card: Model, weights: Located) -> TextEncoder:
    dtype = context.options.dtype or card.dtypes[0]
    if dtype not in card.dtypes:
        raise InputError(f"{card.name}: --dtype {dtype}: its card allows {', '.join(card.dtypes)}")
    head: Any = card.kind if card.settings.get("head") else None
    _refuse_pickled(context, weights, head)
    settings = Settings(
        prompts=filled(card, context.instruction),
        pooling=card.pooling,
        similarity=card.similarity,
        max_length=card.max_length,
        dtype=dtype,
        attention=context.options.attention or card.attention,
        backend=card.backend,
        trust_remote_code=context.options.trust_remote_code,
        remote_code=pinned_code(weights, trusted=context.options.trust_remote_code, offline=context.options.offline),
    )
    devices = devices_of(context.options.device)
    if card.backend == "openvino" and devices not in ([None], ["cpu"]):
        raise InputError(f"{card.name}: --device {context.options.device}: its backend openvino runs on the cpu alone")
    copies = [_on_device(card, weights, replace(settings, device=device), head) for device in devices]
    return copies[0] if len(copies) == 1 else Devices(copies)


def _on_device(card: Model, weights: Located, settings: Settings, head: Any) -> TextEncoder:
    if head:
        from bench.adapters.bge_m3 import BgeM3Head

        return BgeM3Head(SentenceTransformerEncoder(weights, settings), weights, head)
    return SentenceTransformerEncoder(weights, settings, FAMILIES[card.kind])


def _refuse_pickled(context: Context, weights: Located, head: Any) -> None:
    from bench.adapters.bge_m3 import head_file

    own = [name for name in (head_file(weights, head),) if name.endswith(".pt")] if head else []
    refuse_pickled(weights, allowed=context.options.allow_pickle, heads=own)


def filled(card: Model, instruction: str | None) -> Sides | None:
    """The card's prompts with the task's instruction in them, or the card's own where the task has none."""
    if card.prompts is None:
        return None
    texts = {"query": card.prompts.query, "document": card.prompts.document}
    taken = instruction or card.instruction
    if any("{instruction}" in text for text in texts.values()) and taken is None:
        raise InputError(f"{card.name}: its prompt takes the task's instruction, and the task's card has none")
    return Sides(**{side: text.replace("{instruction}", taken or "") for side, text in texts.items()})
