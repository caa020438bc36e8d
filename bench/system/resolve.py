"""Who builds a system: tables from a card's kind, a `kind:` name or a function's name to what builds it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.adapters.devices import devices_of
from bench.compact import Compact
from bench.errors import InputError, unknown
from bench.expression import Call, Expression, Kind, Name, Staged, Stored, Weighted, leaves, stages
from bench.forms import Single, form_of
from bench.grammar import Parsed, parsed
from bench.registry import Registry
from bench.system.own import own_object
from bench.system.value import Context, Options, System
from bench.system.variant import has_vectors, refuse_without_vectors, searched, stored_as


class Builder(NamedTuple):
    """A function as `module:name`, imported when it is first needed, and the options of a run that it takes.

    It is called with the context and the part of the expression that it builds; a card's builder with the card too.
    `usage` shows how the part is written.
    """

    place: str
    takes: frozenset[str] = frozenset()
    usage: str = ""

    def __call__(self, *arguments: Any) -> System:
        """The system that the function builds."""
        module, _, name = self.place.partition(":")
        built: System = getattr(importlib.import_module(module), name)(*arguments)
        return built


_WEIGHTS, _DEVICE = frozenset({"weights"}), frozenset({"device"})
_DTYPE = _DEVICE | {"dtype", "attention", "devices"}

CARDS = {
    "bm25": Builder("bench.system.lexical:bm25"),
    "dense": Builder("bench.system.dense:carded", _DTYPE | _WEIGHTS),
    "embedded": Builder("bench.system.embedded:carded"),
    "sparse": Builder("bench.system.dense:carded", _DTYPE | _WEIGHTS),
    "late": Builder("bench.system.dense:carded", _DTYPE | _WEIGHTS),
    "mteb": Builder("bench.system.mteb:carded", _WEIGHTS | _DEVICE),
    "remote": Builder("bench.system.remote:carded"),
}
"""By the kind of a card."""

KINDS = {
    "mteb": Builder("bench.system.mteb:in_registry", _WEIGHTS | _DEVICE, "mteb:ORG/NAME"),
    "hf": Builder("bench.system.dense:on_hub", _DTYPE, "hf:ORG/NAME[@REV]"),
    "late": Builder("bench.system.dense:of_family", _DTYPE, "late:NAME"),
    "sparse": Builder("bench.system.dense:of_family", _DTYPE, "sparse:NAME"),
    "openai": Builder("bench.system.remote:embeddings", usage="openai:URL#MODEL[@VERSION]"),
    "path": Builder("bench.system.dense:in_folder", _DTYPE, "path:DIR"),
    "python": Builder("bench.system.own:named", usage="python:MODULE:CLASS"),
}
"""By what stands before the colon of a name without a card."""

FUNCTIONS = {
    "rrf": Builder("bench.system.fusion:rrf", usage="rrf(a, b, k=60, depth=1000)"),
    "sum": Builder("bench.system.fusion:weighted", usage="sum(a*0.3, b*0.7, norm=minmax, depth=1000)"),
    "hyde": Builder("bench.system.rewriting:hyde", usage="hyde(a, llm=URL#MODEL)"),
    "query2doc": Builder("bench.system.rewriting:query2doc", usage="query2doc(a, llm=URL#MODEL, repeat=1)"),
    "translate": Builder("bench.system.rewriting:translate", usage="translate(a, llm=URL#MODEL, to=en)"),
}
"""By the name before the brackets; a function's options belong to its parts."""

STAGES = {
    "cross": Builder("bench.system.stages:cross", _DEVICE, "a >> cross:NAME[100]"),
    "late": Builder("bench.system.stages:late", _DTYPE, "a >> late:NAME[100]"),
    "dense": Builder("bench.system.stages:dense", _DTYPE, "a >> dense:NAME[100]"),
    "llm": Builder("bench.system.stages:listwise", usage="a >> llm:URL#MODEL[100]"),
    "prf": Builder("bench.system.stages:feedback", usage="m >> prf(3, alpha=0.4, beta=0.6)"),
    "rm3": Builder("bench.system.stages:words", usage="bm25 >> rm3(10, terms=10, original=0.5)"),
}
"""By the name of a stage: what stands before its colon or its brackets."""


def resolve(
    model: Any, registry: Registry, options: Options, instruction: str | None = None, task: str | None = None
) -> System:
    """The system that an expression or a Python object is. Loads no weights, but looks that they are there."""
    expression = parsed(model) if isinstance(model, str) else None
    resolver = _Resolver(registry, options, instruction, task, expression)
    if expression is None:
        system = resolver.varied(own_object(model))
        resolver.refuse_device(system, frozenset())
    else:
        resolver.refuse_unused(expression.tree)
        system = resolver.system(expression.tree)
        resolver.refuse_device(system, resolver.taken(expression.tree))
    refuse_without_vectors(system, options)
    return system


class _Shown(InputError):
    """A mistake that is shown at its place already."""


@dataclass(frozen=True)
class _Resolver:
    registry: Registry
    options: Options
    instruction: str | None
    task: str | None
    expression: Parsed | None = None

    def refuse_unused(self, tree: Expression) -> None:
        """An option that no model of the expression takes would be passed over in silence: it is a mistake."""
        takes = self.taken(tree, staged=False) if self._special else frozenset()
        if self.options.weights is not None and "weights" not in takes:
            raise InputError(f"{tree}: --weights: no model in it takes weights from a folder")
        if self.options.dtype not in (None, "float32") and "dtype" not in takes:
            raise InputError(f"{tree}: --dtype {self.options.dtype}: no model in it has a dtype to choose")
        if self.options.attention is not None and "attention" not in takes:
            raise InputError(f"{tree}: --attention {self.options.attention}: no model in it has an attention to choose")

    def refuse_device(self, system: System, takes: frozenset[str]) -> None:
        """InputError for a device that nothing of the system runs on; the cpu is where all of them do anyway.

        Vectors that are not made on a device may still be searched on one, the first.
        """
        asked = self.options.device
        many = len(devices_of(asked)) > 1
        if asked in (None, "cpu") or "devices" in takes or ("device" in takes and not many):
            return
        where = f"{system.name}: --device {asked}: "
        if "device" in takes:
            raise InputError(f"{where}it runs on one device: say --device {self.options.first_device}")
        if not any(isinstance(form_of(encoder), Single) for encoder in system.encoders):
            raise InputError(f"{where}no model in it has a device to choose: leave --device away")
        if many or not str(asked).startswith("cuda"):
            raise InputError(
                f"{where}no model in it has a device to choose; its vectors are searched on the cpu, or with "
                "--device cuda on a GPU"
            )

    def taken(self, tree: Expression, *, staged: bool = True) -> frozenset[str]:
        """The options that some model of the expression takes, those of its stages too if `staged`."""
        of_stages = [STAGES[s.name].takes for s in stages(tree) if s.name in STAGES] if staged else []
        return frozenset().union(*map(self._taken, leaves(tree)), *of_stages)

    @property
    def _special(self) -> bool:
        asked = self.options.weights is not None or self.options.attention is not None
        return asked or self.options.dtype not in (None, "float32")

    def _taken(self, leaf: Name | Kind) -> frozenset[str]:
        if isinstance(leaf, Kind):
            return KINDS[leaf.kind].takes if leaf.kind in KINDS else frozenset()
        kind = self.registry.model(leaf.text).kind
        return CARDS[kind].takes if kind in CARDS else frozenset()

    def system(self, tree: Expression) -> System:
        """The system that a part of an expression is; a mistake in it is shown at its place."""
        try:
            return self._system(tree)
        except _Shown:
            raise
        except InputError as error:
            if self.expression is None:
                raise
            raise _Shown(self.expression.shown(str(error), tree)) from error

    def _system(self, tree: Expression) -> System:
        context = Context(self.registry, self.options, self.system, self.instruction, self.task)
        if isinstance(tree, Call):
            if tree.function not in FUNCTIONS:
                raise unknown("function", tree.function, FUNCTIONS, f"known: {', '.join(FUNCTIONS)}")
            return FUNCTIONS[tree.function](context, tree)
        if isinstance(tree, Staged):
            return self._staged(context, tree)
        if isinstance(tree, Weighted):
            raise InputError(f"{tree}: a weight has a meaning inside of sum(a*0.3, b*0.7) alone")
        if isinstance(tree, Stored):
            return self.varied(self._leaf(context, tree.model), Compact.parse(tree.vectors))
        return self.varied(self._leaf(context, tree))

    def varied(self, system: System, compact: Compact | None = None) -> System:
        """A model with its vectors stored and searched as is said of it, else as the options say."""
        wanted = compact or (self.options.vectors if has_vectors(system) else None)
        stored = stored_as(system, wanted) if wanted and not wanted.plain else system
        return searched(stored, self.options.index, self.options.first_device)

    def _leaf(self, context: Context, tree: Name | Kind) -> System:
        """The system that a model is."""
        if isinstance(tree, Kind):
            if tree.kind in STAGES and tree.kind not in KINDS:
                raise InputError(f"{tree}: {tree.kind}: re-ranks what another model finds: {STAGES[tree.kind].usage}")
            if tree.kind not in KINDS:
                raise unknown("kind of model", tree.kind, KINDS, "bench models list")
            return KINDS[tree.kind](context, tree)
        card = self.registry.model(tree.text)
        if card.kind not in CARDS:
            usage = STAGES[card.kind].usage.replace("NAME", str(tree))
            raise InputError(f"{tree}: a {card.kind}-encoder re-ranks what another model finds: {usage}")
        return CARDS[card.kind](context, tree, card)

    def _staged(self, context: Context, tree: Staged) -> System:
        name = tree.stage.name
        if name not in STAGES:
            raise unknown("stage", name, STAGES, f"known: {', '.join(STAGES)}")
        builder = STAGES[name]
        if (tree.stage.rest is None) != ("(" in builder.usage):
            raise InputError(f"{tree}: a stage {name} is written as in {builder.usage}")
        return builder(context, tree)
