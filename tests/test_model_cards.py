"""The shipped cards of models against mteb's registry, so that neither can drift from the other unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import cardfiles
import pytest

from bench.loaders.mteb.languages import bcp47
from bench.model import Lengths, Model, Sides, Training, Weights
from bench.registry import Registry
from bench.system.dense import filled

CARDS = {name: Registry().model(name) for name in cardfiles.stated("models")}
_TYPES = {"late": "late-interaction", "sparse": "sparse", "cross": "cross-encoder"}
OF_MTEB = [name for name, card in CARDS.items() if card.mteb]


def meta_of(card: Model) -> Any:
    import mteb

    return mteb.get_model_meta(card.mteb, fetch_from_hf=False)


def expected_prompts(meta: Any) -> tuple[str, str] | None:
    """What mteb's loader puts before a query with the instruction `{instruction}`, and before a document; None: neither."""
    from mteb.models.model_implementations.qwen3_models import instruction_template
    from mteb.types import PromptType

    options = meta.loader_kwargs
    if "query_prefix" in options:
        return options["query_prefix"], options["document_prefix"]
    if options.get("model_prompts"):
        return options["model_prompts"]["query"], options["model_prompts"]["document"]
    template = instruction_template if "q3e" in meta.loader.__name__ else options.get("instruction_template")
    if template is None:
        return None
    assert options.get("apply_instruction_to_passages", "q3e" not in meta.loader.__name__) is False
    if callable(template):
        return template("{instruction}", PromptType.query), template("{instruction}", PromptType.document)
    return template, ""


def ancestors(meta: Any) -> Iterator[Any]:
    from mteb.models.model_implementations import MODEL_REGISTRY

    while meta.adapted_from in MODEL_REGISTRY:
        meta = MODEL_REGISTRY[meta.adapted_from]
        yield meta


def drift(card: Model, meta: Any) -> set[str]:
    """The fields in which a card says something else than mteb."""
    assert card.weights is not None
    own = set(meta.training_datasets or ())
    inherited = {name for parent in ancestors(meta) for name in parent.training_datasets or ()} - own
    told, length = card.trained_on, card.max_length
    prompts = (card.prompts.query, card.prompts.document) if card.prompts else None
    most = 512 if meta.max_tokens == 514 else meta.max_tokens
    stated = {n for n in (length.query, length.document) if n is not None}
    limit = meta.loader_kwargs.get("max_seq_length")
    agrees = {
        "hub": card.weights.hub == meta.name,
        "revision": card.weights.revision == meta.revision,
        "licence": card.licence.lower() == (meta.license or "unknown").lower(),
        "parameters": card.parameters == meta.n_parameters,
        "similarity": card.kind != "dense" or card.similarity == meta.similarity_fn_name.value,
        "remote_code": card.kind == "cross" or card.remote_code == bool(meta.loader_kwargs.get("trust_remote_code")),
        "prompts": card.kind not in ("dense", "late") or prompts == expected_prompts(meta),
        "max_length": card.kind == "cross"
        or (stated <= {most} and (card.kind == "mteb" or limit is None or stated == {limit})),
        "declared": (set(told.declared) if told else None) == (own if meta.training_datasets is not None else None),
        "inherited": (set(told.inherited) if told else set()) == (inherited if told else set()),
        "languages": ([] if card.languages == "any" else list(card.languages))
        == sorted({bcp47(code).split("-")[0] for code in meta.languages or ()}),
    }
    return {field for field, same in agrees.items() if not same}


@pytest.mark.parametrize("name", OF_MTEB)
def test_a_card_says_what_mteb_says(name: str) -> None:
    meta = meta_of(CARDS[name])
    assert drift(CARDS[name], meta) == set()
    # The further heads of BGE-M3 stand in the registry as its dense model alone.
    assert CARDS[name].settings.get("head") or _TYPES.get(CARDS[name].kind, "dense") in meta.model_type


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("revision", {"weights": Weights(hub="intfloat/multilingual-e5-small", revision="0" * 40)}),
        ("prompts", {"prompts": Sides(query="query:", document="passage: ")}),
        ("max_length", {"max_length": Lengths(query=256, document=512)}),
        ("licence", {"licence": "Apache-2.0"}),
        ("languages", {"languages": ("en", "de")}),
        ("parameters", {"parameters": 117653760}),
        ("similarity", {"similarity": "dot"}),
        ("remote_code", {"remote_code": True}),
        ("declared", {"trained_on": None}),
        ("declared", {"trained_on": Training(source="a guess", declared=("MSMARCO",))}),
    ],
)
def test_a_card_that_drifts_is_seen(field: str, change: dict[str, Any]) -> None:
    card = CARDS["multilingual-e5-small"]
    assert drift(card.model_copy(update=change), meta_of(card)) == {field}


def test_the_retrievers_that_people_compare_are_there() -> None:
    wanted = """mcontriever mcontriever-msmarco mdpr-tied-pft-msmarco multilingual-e5-small multilingual-e5-base
    multilingual-e5-large multilingual-e5-large-instruct bge-m3 gte-multilingual-base arctic-embed-m-v2.0
    arctic-embed-l-v2.0 labse drama-base granite-embedding-107m-multilingual granite-embedding-278m-multilingual
    kalm-embedding-multilingual-mini-v1 lusifer nllb-e5 umr swim-x"""
    assert set(wanted.split()) <= set(CARDS)
    assert len(OF_MTEB) >= 25


def test_no_revision_without_a_place_where_it_was_read() -> None:
    for name, card in CARDS.items():
        if card.weights and card.weights.hub:
            assert bool(card.weights.revision) == bool(card.weights.revision_source), name
            assert card.weights.revision is None or re.fullmatch(r"[0-9a-f]{40}", card.weights.revision), name
        if card.prompts and card.kind == "dense":
            assert card.prompts_source, name


def test_instructions_are_put_into_the_prompt() -> None:
    from mteb.abstasks import AbsTaskRetrieval

    instructed = [card for card in CARDS.values() if card.prompts and "{instruction}" in card.prompts.query]
    assert len(instructed) >= 8
    for card in instructed:
        assert card.instruction == AbsTaskRetrieval.abstask_prompt
        assert card.prompts is not None
        assert filled(card, "Find it.") == Sides(query=card.prompts.query.replace("{instruction}", "Find it."))
        assert filled(card, None) == filled(card, card.instruction)
    e5 = filled(CARDS["multilingual-e5-large-instruct"], "Find it.")
    assert e5 == Sides(query="Instruct: Find it.\nQuery: ", document="")


def test_training_data_are_declared_inherited_or_unknown() -> None:
    arctic = CARDS["arctic-embed-m-v2.0"]
    assert [arctic.trained_with(name) for name in ("MIRACLRetrieval", "MrTidyRetrieval", "XQuADRetrieval")] == [
        "declared",
        "inherited",
        "no",
    ]
    assert CARDS["nomic-embed-text-v2-moe"].trained_with("MIRACLRetrieval") == "unknown"
    assert CARDS["labse"].trained_with("MIRACLRetrieval") == "no"  # It says that none of mteb's were used.
