"""What the conformance suite measures with: a toy collection, one that is hard to read, and every system by a name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import heads
import numpy as np
import tiny
import toy
from stub import Stub

from bench.collection import Doc, Query
from bench.places import shipped
from bench.registry import Registry
from bench.retriever import Retriever
from bench.store import VectorStore
from bench.system import Options, Setting, System, resolve
from bench.watch import Watch

DOCS = [
    Doc("en-1", "The river flows past the old bridge and the lake."),
    Doc("en-2", "A comet is a small icy body that passes close to the sun."),
    Doc("en-3", "Farmers grow rice and wheat in the valley of the river."),
    Doc("en-4", "The tiger is the largest cat; the wolf hunts in packs."),
    Doc("hi 1", "नदी पुराने पुल और झील के पास से बहती है।"),
    Doc("hi 2", "किसान नदी की घाटी में चावल और गेहूँ उगाते हैं।"),
    Doc("hi 3", "बाघ सबसे बड़ी बिल्ली है और भेड़िया झुंड में शिकार करता है।"),
    Doc("th%1", "แม่น้ำไหลผ่านสะพานเก่าและทะเลสาบ"),
    Doc("th%2", "ชาวนาปลูกข้าวในหุบเขาริมแม่น้ำ"),
    Doc("th%3", "เสือเป็นแมวที่ใหญ่ที่สุด หมาป่าล่าเป็นฝูง"),
    # One text under three ids, one of them not ASCII: they tie, and the bytes of the ids decide.
    Doc("é", "The river flows past the old bridge and the lake."),
    Doc("z", "The river flows past the old bridge and the lake."),
]
QUERIES = [
    Query("q1", "Which river flows past the bridge?"),
    Query("q2", "tiger"),
    Query("q3", "नदी के पास क्या है?"),
    Query("q4", "แม่น้ำ"),
    Query("q5", "rice and wheat, rice and rice"),
    Query("q6", "The river flows past the old bridge and the lake."),
]

_LONG = " ".join(tiny.WORDS * 45)  # 540 words: past the limit of every model here.
SCRIPTS = {
    **{"ar": "ARABIC", "bn": "BENGALI", "en": "LATIN", "hi": "DEVANAGARI", "ja": "HIRAGANA", "ko": "HANGUL"},
    **{"ru": "CYRILLIC", "te": "TELUGU", "th": "THAI", "zh": "CJK"},
}
"""A language of `mini` for each of its scripts, and how Unicode calls the script."""


def first_of_mini(language: str) -> tuple[Doc, Query]:
    """The beginning of the first passage of a language of `mini`, and its first question."""
    path = shipped("tasks") / "mini" / f"{language}.jsonl"
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    return Doc(language, row["text"][:60]), Query(language, row["questions"][0])


HARD_DOCS = [
    *(first_of_mini(language)[0] for language in SCRIPTS),
    *(Doc("empty", ""), Doc("blank", " \n\t "), Doc("long", _LONG), Doc("nul", "river\0 lake"), Doc("marks", "?!… 🦊")),
]
HARD_QUERIES = [
    *(first_of_mini(language)[1] for language in SCRIPTS),
    *(Query("empty", ""), Query("blank", "  "), Query("long", _LONG)),
]

MODULE = '''
import re
import numpy as np
from bench.ranking import rank


class Hashed:
    def encode_queries(self, texts, language):
        assert language == "hi"
        return self._encode(texts)

    def encode_docs(self, texts, language):
        assert language == "en"
        return self._encode(texts)

    def _encode(self, texts):
        return np.array([[sum(text.lower().count(c) for c in group) for group in ("aeiou", "rst", "นมล", "कनह")] for text in texts])


class Overlap:
    """Ranks by the number of words in common."""

    def index(self, corpus, workdir):
        self.docs = {doc.id: set(re.findall(r"\\\\w+", doc.text.lower())) for doc in corpus.docs()}

    def search(self, queries, k):
        return {query.id: self._best(set(re.findall(r"\\\\w+", query.text.lower())), k) for query in queries}

    def _best(self, words, k):
        found = {i: len(words & own) for i, own in self.docs.items() if words & own}
        return rank(list(found), list(found.values()), k)
'''.replace("\\\\", "\\")

_CARD = "name: {name}\nkind: {kind}\ndescription: tiny\nlicence: CC0-1.0\nlanguages: any\n{more}\n"
_PROMPTS = "prompts: {{query: '{}', document: '{}'}}\nprompts_source: made up\n"


class ToyCorpus:
    """A corpus in memory, in the shape of `bench.collection.Corpus`."""

    language = "en"

    def __init__(self, docs: Sequence[Doc]) -> None:
        self._docs = docs

    @property
    def ids(self) -> ToyCorpus:
        return self

    def __len__(self) -> int:
        return len(self._docs)

    def take(self, rows: np.ndarray) -> list[bytes]:
        return [self._docs[row].id.encode() for row in rows.tolist()]

    def docs(self) -> Iterator[Doc]:
        return iter(self._docs)

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [dict(self._docs)[i] for i in ids]


def made_up(query: str) -> str:
    """What the stub's language model answers to a question: the same words, and one more."""
    return f"{query} river".strip()


def by_last_word(passages: Sequence[str]) -> list[int]:
    """The order into which the stub's language model brings passages: by their last word, descending."""
    return sorted(range(len(passages)), key=lambda i: (passages[i].split() or [""])[-1], reverse=True)


def _answer(question: str) -> str:
    if not question.startswith("Below are"):
        return made_up(question.rpartition("\n\n")[2])
    passages = re.findall(r"^\[\d+\] (.*)$", question, re.MULTILINE)
    return " > ".join(f"[{i + 1}]" for i in by_last_word(passages))


@dataclass(frozen=True)
class Place:
    """Where the suite works: checkpoints and cards in `root`, an endpoint for vectors and for language."""

    root: Path
    stub: Stub

    @property
    def tiny(self) -> Path:
        return self.root / "tiny model"

    def expression(self, name: str) -> Any:
        """What stands for a name of the suite: an expression or an object."""
        if name == "callable":
            return lambda texts: np.stack([toy.vector(text) for text in texts])
        if name == "object":
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(self.tiny), device="cpu")
        return EXPRESSIONS.get(name, name).format(root=self.root, url=self.stub.url)

    def system(self, name: str) -> System:
        weights = tuple(self.root / folder for folder in WEIGHTS.get(name, ())) or None
        # The heads of BGE-M3 are pickled.
        pickled = name.startswith("bge-m3")
        options = Options(weights=weights, offline=True, device="cpu", bundled=self.root / "hub", allow_pickle=pickled)
        return resolve(self.expression(name), Registry(self.root / "cards"), options)

    def known(self, name: str) -> System:
        """The system, resolved once for the whole suite, so that its model is loaded once."""
        return _SYSTEMS.setdefault((self.root, name), self.system(name))

    def retriever(self, name: str, store: Path | None = None) -> Retriever:
        """The retriever of a name, over the store of the suite or an empty one."""
        return self.built(self.known(name), store)

    def built(self, system: System, store: Path | None = None) -> Retriever:
        vectors = VectorStore(store or self.root / "store")
        return system.build(Setting(vectors, vectors, Watch(), "hi"))

    def indexed(self, name: str, docs: Sequence[Doc] = DOCS) -> Retriever:
        retriever = self.retriever(name)
        retriever.index(ToyCorpus(docs), self.root / "work")
        return retriever


_SYSTEMS: dict[tuple[Path, str], System] = {}

EXPRESSIONS = {
    "path": "'path:{root}/tiny model'",
    "two towers": "tiny-card",
    "mteb": "mteb:intfloat/multilingual-e5-small",
    "mteb card": "mteb-card",
    "mteb search": "mteb:mteb/baseline-bm25s",
    "mteb cross": "bm25 >> cross:mteb:cross-encoder/ms-marco-MiniLM-L6-v2[8]",
    "openai": "openai:{url}#m",
    "remote": "remote-card",
    "sparse": "sparse:{root}/splade",
    "late": "late:{root}/colbert",
    "bge-m3 sparse": "bge-sparse",
    "bge-m3 late": "bge-late",
    "rrf": "rrf(bm25, 'path:{root}/tiny model')",
    "rrf of three": "rrf(bm25, 'path:{root}/tiny model', bm25, k=1, depth=3)",
    "sum": "sum(bm25*0.3, 'path:{root}/tiny model'*0.7)",
    "cross": "bm25 >> cross:{root}/cross[8]",
    "late stage": "bm25 >> late:{root}/colbert[8]",
    "dense stage": "bm25 >> 'dense:{root}/tiny model'[8]",
    "llm": "bm25 >> llm:{url}#m[8]",
    "prf": "'path:{root}/tiny model' >> prf(3)",
    "rm3": "bm25 >> rm3(3)",
    "hyde": "hyde(bm25, llm={url}#m)",
    "query2doc": "query2doc(bm25, llm={url}#m, repeat=2)",
    "translate": "translate(bm25, llm={url}#m)",
}
"""By the suite's name, where that is not the expression itself."""

WEIGHTS = {
    "tiny-card": ("tiny model",),
    "two towers": ("tiny model", "other"),
    "mteb": ("tiny model",),
    "mteb card": ("tiny model",),
    "bge-m3 sparse": ("bge-m3",),
    "bge-m3 late": ("bge-m3",),
}
"""The folders of `--weights`."""

RERANKER = ("cross-encoder/ms-marco-MiniLM-L6-v2", "c5ee24cb16019beea0893ab7796b1df96625c6b8")
"""A cross-encoder of mteb's registry, and the commit that it states."""

OWN = ["python:toymodels:Hashed", "callable", "object"]
REAL = ["me5-small-q4", "muse-small", "all-minilm-l6-v2"]
DENSE = [
    "tiny-card",
    "path",
    "two towers",
    *REAL,
    "mteb",
    "mteb card",
    "openai",
    "remote",
    *OWN,
]
ENCODED = [*DENSE, "sparse", "late", "bge-m3 sparse", "bge-m3 late"]
LEXICAL = ["bm25", "rm3"]
REWRITTEN = ["hyde", "query2doc", "translate"]
COMPOSED = [
    "rrf",
    "rrf of three",
    "sum",
    "cross",
    "mteb cross",
    "late stage",
    "dense stage",
    "llm",
    "prf",
    "rm3",
    *REWRITTEN,
]
ALL = ["bm25", "mteb search", *ENCODED, *COMPOSED, "python:toymodels:Overlap"]


def prepare(root: Path) -> None:
    """Write the checkpoints and the module of models; cards that need an address come with `Place`."""
    (root / "cards" / "models").mkdir(parents=True)
    (root / "work").mkdir()
    (root / "toymodels.py").write_text(MODULE, encoding="utf-8")
    texts = [doc.text for doc in (*DOCS, *HARD_DOCS)] + [query.text for query in HARD_QUERIES]
    tokenizer = tiny.piece_tokenizer(texts, size=1200)
    tiny.save_model(root / "tiny model", tokenizer, prompts={"query": "to find: "})
    tiny.save_encoder(root / "other", tokenizer, seed=8)
    heads.save_colbert(root / "colbert", tokenizer)
    heads.save_splade(root / "splade", tokenizer)
    heads.save_bge_m3(root / "bge-m3", tokenizer)
    heads.save_bert(root / "cross", tokenizer, "BertForSequenceClassification", num_labels=1)
    name, revision = RERANKER
    snapshots = root / "hub" / f"models--{name.replace('/', '--')}" / "snapshots"
    snapshots.mkdir(parents=True)
    (snapshots / revision).symlink_to(root / "cross")


def write_cards(root: Path, stub: Stub) -> None:
    """Cards of the kinds that an expression alone cannot reach."""
    cards = {
        "tiny-card": ("dense", _PROMPTS.format("find ", "") + "similarity: dot"),
        "mteb-card": ("mteb", "mteb: intfloat/multilingual-e5-base"),
        "bge-sparse": ("sparse", "settings: {head: true}"),
        "bge-late": ("late", "settings: {head: true}"),
        "remote-card": ("remote", _PROMPTS.format("q: ", "d: ") + f"settings: {{url: '{stub.url}', model: m}}"),
    }
    for name, (kind, more) in cards.items():
        path = root / "cards" / "models" / f"{name}.yaml"
        path.write_text(_CARD.format(name=name, kind=kind, more=more), encoding="utf-8")


def serve(stub: Stub) -> None:
    """Vectors for texts, and a language model's answers."""
    vectors = stub.good
    stub.saying(_answer)
    answers = stub.behaviour
    stub.behaviour = lambda number, body: (vectors if "input" in body else answers)(number, body)
