"""Which data sets are relatives of which tasks: variants, translations, and sets that share their questions.

Written as data, with the reason. A model trained on the training set of a relative has not seen the judgments that a
task evaluates, but questions, texts and ways of asking like them: it is not zero-shot there. mteb keeps such a list as
`adapted_from` of its tasks; this one adds what the papers and data cards of the sets say.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

How = Literal["itself", "part", "translation", "questions"]
"""The set itself; a part or another cut of it; its translation, or what it is one of; other sets of its questions."""

_TYDI = ("ar", "bn", "en", "fi", "id", "ja", "ko", "ru", "sw", "te", "th")
_XOR = ("ar", "bn", "fi", "ja", "ko", "ru", "te")
_MIRACL_TRAINED = (*_TYDI, "es", "fa", "fr", "hi", "zh")


class Relative(NamedTuple):
    """Data sets, as lists of training data name them, that are related to a family of tasks, and why.

    `languages` are the family's that it concerns, None for all.
    """

    names: tuple[str, ...]
    how: How
    reason: str
    languages: tuple[str, ...] | None = None


class Family(NamedTuple):
    """Tasks that ask the same questions of the same texts, with their relatives, the closest first."""

    tasks: tuple[str, ...]
    relatives: tuple[Relative, ...]


_MIRACL = ("MIRACLRetrieval", "MIRACL")
_MIRACL_CUTS = ("MIRACLRetrievalHardNegatives", "MIRACLRetrievalHardNegatives.v2", "MIRACLReranking")
_MRTYDI = ("MrTidyRetrieval", "Mr. TyDi", "MrTyDi")
_XOR_TYDI = ("XOR-Retrieve", "XOR-TyDi", "XOR-TyDi QA", "XORQA")
_TYDI_QA = ("TyDi QA", "TyDiQA")
_MSMARCO = ("MSMARCO", "MS MARCO")
_MSMARCO_CUTS = ("MSMARCOHardNegatives", "NanoMSMARCORetrieval", "MSMARCOv2", "TRECDL2019", "TRECDL2020")
_SQUAD = ("SQuAD", "SQuAD 2.0", "Squad2", "SQuAD2", "SQuAD2.0")
_SHARED = (
    "TyDi QA's questions are the source of Mr. TyDi, of XOR-TyDi and of MIRACL's older languages; the splits overlap"
)
_CUTS = "the same questions and judgments over fewer passages"

FAMILIES = (
    Family(
        ("miracl", "mteb:MIRACLRetrievalHardNegatives", "mteb:MIRACLRetrievalHardNegatives.v2", "mteb:MIRACLReranking"),
        (
            Relative(_MIRACL, "itself", "the data set; German and Yoruba have no training questions", _MIRACL_TRAINED),
            Relative(_MIRACL_CUTS, "part", _CUTS, _MIRACL_TRAINED),
            Relative((*_MRTYDI, *_TYDI_QA), "questions", _SHARED, _TYDI),
            Relative(_XOR_TYDI, "questions", _SHARED, _XOR),
        ),
    ),
    Family(
        ("mrtydi", "mrtydi-v1.0"),
        (
            Relative(_MRTYDI, "itself", "the data set of the task"),
            Relative((*_MIRACL, *_MIRACL_CUTS, *_TYDI_QA), "questions", _SHARED),
            Relative(_XOR_TYDI, "questions", _SHARED, _XOR),
        ),
    ),
    Family(
        ("xor-retrieve",),
        (
            Relative(_XOR_TYDI, "itself", "the data set of the task"),
            Relative((*_MRTYDI, *_MIRACL, *_MIRACL_CUTS, *_TYDI_QA), "questions", _SHARED),
            Relative(("XTREME-UP",), "questions", "XTREME-UP's cross-lingual questions are built on XOR-TyDi"),
        ),
    ),
    Family(
        ("xtreme-up",),
        (
            Relative(("XTREME-UP",), "itself", "the data set of the task"),
            Relative((*_XOR_TYDI, *_TYDI_QA), "translation", "its questions are translations of XOR-TyDi's"),
        ),
    ),
    Family(
        ("msmarco",),
        (
            Relative(_MSMARCO, "itself", "the data set of the task"),
            Relative(_MSMARCO_CUTS, "part", "the same passages, or the same questions over fewer of them"),
            Relative(("mMARCO", "MMARCO"), "translation", "translations of its questions and passages"),
            Relative(
                ("mMARCO-NL", "MSMARCO-PL", "MSMARCO-Fa", "MSMARCO-VN", "MMarcoRetrieval", "MMarcoReranking",
                 "mmarco-chinese"),
                "translation",
                "a translation of its questions and passages into one language",
            ),
        ),
    ),
    Family(
        ("mmarco",),
        (
            Relative(("mMARCO", "MMARCO"), "itself", "the data set of the task"),
            Relative(("mMARCO-NL",), "itself", "it in Dutch", ("nl",)),
            Relative(("MMarcoRetrieval", "MMarcoReranking", "mmarco-chinese"), "itself", "it in Chinese", ("zh",)),
            Relative(("MSMARCO-VN",), "translation", "MS MARCO in Vietnamese", ("vi",)),
            Relative((*_MSMARCO, *_MSMARCO_CUTS), "translation", "mMARCO is MS MARCO, translated"),
            Relative(("MSMARCO-PL", "MSMARCO-Fa"), "translation", "another translation of MS MARCO"),
        ),
    ),
    Family(
        ("mteb:mMARCO-NL",),
        (
            Relative(("mMARCO-NL", "mMARCO", "MMARCO"), "itself", "the data set of the task"),
            Relative((*_MSMARCO, *_MSMARCO_CUTS), "translation", "mMARCO is MS MARCO, translated"),
        ),
    ),
    Family(
        ("xquad", "xquad-r", "xquad-r-context"),
        (
            Relative(("XQuADRetrieval", "XQuAD", "LAReQA", "XQuAD-R"), "itself", "the data set of the task"),
            Relative(_SQUAD, "translation", "XQuAD is a part of SQuAD's development set and its translations"),
            Relative(("ParSQuAD",), "translation", "a Persian translation of SQuAD, of which XQuAD is one too"),
        ),
    ),
    Family(
        ("mteb:MLQARetrieval",),
        (Relative(("MLQARetrieval", "MLQA"), "itself", "the data set of the task"),),
    ),
    Family(
        ("mteb:BelebeleRetrieval",),
        (Relative(("BelebeleRetrieval", "Belebele"), "itself", "the data set of the task"),),
    ),
    Family(
        ("mteb:WikipediaRetrievalMultilingual",),
        (
            Relative(("WikipediaRetrievalMultilingual",), "itself", "the data set of the task"),
            Relative(("WikipediaRerankingMultilingual",), "part", _CUTS),
        ),
    ),
    Family(
        ("mteb:WebFAQRetrieval",),
        (Relative(("WebFAQRetrieval", "WebFAQ"), "itself", "the data set of the task"),),
    ),
    Family(
        ("mteb:GermanQuAD-Retrieval",),
        (
            Relative(("GermanQuAD-Retrieval", "GermanQuAD"), "itself", "the data set of the task"),
            Relative(("GermanDPR",), "questions", "GermanDPR is made from GermanQuAD's questions"),
        ),
    ),
    Family(
        ("mteb:BSARDRetrieval", "mteb:BSARDRetrieval.v2"),
        (
            Relative(("BSARDRetrieval", "BSARDRetrieval.v2", "BSARD"), "itself", "the data set of the task"),
            Relative(("bBSARDNLRetrieval",), "translation", "bBSARD is BSARD in French and Dutch"),
        ),
    ),
    Family(
        ("mteb:bBSARDNLRetrieval",),
        (
            Relative(("bBSARDNLRetrieval", "bBSARD"), "itself", "the data set of the task"),
            Relative(("BSARDRetrieval", "BSARDRetrieval.v2", "BSARD"), "translation", "bBSARD is BSARD, translated"),
        ),
    ),
    *(
        Family(
            (f"mteb:NeuCLIR{year}Retrieval", f"mteb:NeuCLIR{year}RetrievalHardNegatives"),
            (
                Relative((f"NeuCLIR{year}Retrieval",), "itself", "the data set of the task"),
                Relative((f"NeuCLIR{year}RetrievalHardNegatives",), "part", _CUTS),
            ),
        )
        for year in (2022, 2023)
    ),
)  # fmt: skip

OURS = ("mini", "mini-x")
"""Tasks whose texts were written for this project and published with it: no list of training data holds them."""

# Models trained on running text alone, as far as their makers say: what is made from one inherits no data set. A
# model that is none of these and says nothing of its training leaves open what is inherited from it.
_LANGUAGE_MODELS = re.compile(
    r"google-bert/.*|google/bert_.*|google-t5/.*|(FacebookAI/)?xlm-roberta-(base|large)|XLM-RoBERTa|EuroBERT/.*"
    r"|microsoft/Multilingual-MiniLM-.*|Qwen/Qwen(1\.5|2|2\.5|3)-[0-9.]+B|mistralai/(Mistral|Ministral)-.*"
    r"|google/gemma-(3-)?[0-9]+[mb](-pt)?|bigscience/bloom-.*|jhu-clsp/mmBERT-.*|answerdotai/ModernBERT-.*"
    r"|neuralmind/bert-.*|klue/roberta-.*|aubmindlab/bert-.*|UBC-NLP/MARBERT.*|ai-forever/(ruBert|ruRoberta|FRED-T5)-.*"
    r"|deepvk/RuModernBERT-.*|croissantllm/CroissantCool.*|sdadas/polish-roberta-.*"
)


def family_of(task: str) -> Family | None:
    """The family of a task, of whatever split; for a task of mteb without a row, the set of its own name.

    None where nothing is known of the task's data: a folder, a card of the user's own.
    """
    name = task.partition("@")[0]
    for family in FAMILIES:
        if name in family.tasks:
            return family
    if name in OURS:
        return Family((name,), ())
    if name.startswith("mteb:"):
        return Family((name,), (Relative((name.removeprefix("mteb:"),), "itself", "the data set of the task"),))
    return None


def same_set(name: str, other: str) -> bool:
    """Whether two spellings name one data set: capitals, blanks and punctuation do not tell sets apart."""
    return _plain(name) == _plain(other)


@cache
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_language_model(name: str) -> bool:
    """Whether a model is one of running text, which brings no data set of retrieval along."""
    return _LANGUAGE_MODELS.fullmatch(name) is not None
