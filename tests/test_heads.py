"""Late interaction, learned sparse retrieval and BGE-M3's heads, against the library called directly and brute force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heads import save_bert, save_bge_m3, save_colbert, save_splade
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array
from tiny import WORDS, word_tokenizer

import bench
from bench.adapters.bge_m3 import BgeM3Head
from bench.adapters.families import LATE, LEARNED_SPARSE
from bench.adapters.late import LateRetriever
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.adapters.sparse import SparseRetriever
from bench.collection import Doc, Query
from bench.encoding import BatchLimits
from bench.errors import MissingError, StoppedError
from bench.forms import MULTI, SINGLE, SPARSE, Tokens, maxsim
from bench.ranking import Run, rank
from bench.store import VectorStore
from bench.watch import Watch
from bench.weights import local_folder

RNG = np.random.default_rng(2)
TEXTS = [" ".join(RNG.choice(WORDS, size=1 + i % 9)) for i in range(57)]
QUERIES = ["river star", "wolf tiger whale", "rice", "comet bridge maize"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("heads")
    save_colbert(root / "colbert")
    save_splade(root / "splade")
    save_bge_m3(root / "bge-m3")
    return root


class Listed:
    """A corpus of given texts, in a given order of their numbers."""

    language = "en"

    def __init__(self, texts: list[str], order: list[int] | None = None) -> None:
        self.numbers = order or list(range(len(texts)))
        self._texts = texts

    @property
    def ids(self) -> Any:
        names = [f"d{i:03}".encode() for i in self.numbers]

        class Names:
            def __len__(self) -> int:
                return len(names)

            def take(self, rows: Any) -> list[bytes]:
                return [names[int(row)] for row in rows]

        return Names()

    def docs(self) -> Iterator[Doc]:
        return (Doc(f"d{i:03}", self._texts[i]) for i in self.numbers)


def searched(kind: Any, encoder: Any, folder: Path, k: int, *, size: int = 13, order: list[int] | None = None) -> Run:
    retriever = kind(encoder, VectorStore(folder / "vectors"), Watch(), "en", size)
    retriever.index(Listed(TEXTS, order), folder / "work")
    return retriever.search([Query(str(i), text) for i, text in enumerate(QUERIES)], k)


def assert_same(run: Run, scores: NDArray[np.float64], k: int) -> None:
    """The run holds the best k of a matrix (queries, documents), to 1e-5."""
    for i in range(len(QUERIES)):
        found = run[str(i)]
        own = {f"d{j:03}": scores[i, j] for j in range(len(TEXTS))}
        best = sorted(own.values(), reverse=True)[:k]
        assert found.scores.tolist() == pytest.approx(best, rel=1e-5, abs=1e-5)
        assert found.scores.tolist() == pytest.approx([own[doc] for doc in found.docs], rel=1e-5, abs=1e-5)
        assert len(set(found.docs)) == len(found.docs)


def test_late_interaction_is_that_of_the_library(folders: Path, tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    model = MultiVectorEncoder(str(folders / "colbert"))
    queries, documents = model.encode_query(QUERIES), model.encode_document(TEXTS)
    expected = np.asarray(model.similarity(queries, documents), dtype=np.float64)
    assert expected.std() > 0.05
    encoder = SentenceTransformerEncoder(local_folder(folders / "colbert"), Settings(), LATE)
    assert encoder.prompt("query") == "river "
    for k in (1, 10, 57, 100):
        assert_same(searched(LateRetriever, encoder, tmp_path / str(k), k), expected, k)


def test_learned_sparse_is_that_of_the_library(folders: Path, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(folders / "splade"))
    queries, documents = model.encode_query(QUERIES).to_dense(), model.encode_document(TEXTS).to_dense()
    expected = (queries.double() @ documents.double().T).numpy()
    assert expected.std() > 0.05
    encoder = SentenceTransformerEncoder(local_folder(folders / "splade"), Settings(), LEARNED_SPARSE)
    for k in (1, 10, 57):
        assert_same(searched(SparseRetriever, encoder, tmp_path / str(k), k), expected, k)


@pytest.mark.parametrize("head", ["sparse", "late"])
def test_the_heads_of_bge_m3_are_those_of_a_restatement(head: Any, folders: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = folders / "bge-m3"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    state = torch.load(folder / f"{'sparse' if head == 'sparse' else 'colbert'}_linear.pt", weights_only=True)

    def one(text: str) -> Any:
        """Token id -> weight, or the token vectors, of a text by itself."""
        features = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = model(**features).last_hidden_state[0] @ state["weight"].T + state["bias"]
        if head == "late":
            return torch.nn.functional.normalize(states[1:], dim=-1).double().numpy()
        weights: dict[int, float] = {}
        for token, value in zip(features["input_ids"][0].tolist(), states[:, 0].clamp(min=0).tolist(), strict=True):
            if token not in tokenizer.all_special_ids:
                weights[token] = max(value, weights.get(token, 0.0))
        return weights

    def score(query: Any, document: Any) -> float:
        if head == "late":
            return float((query @ document.T).max(axis=1).mean())
        return sum(weight * document.get(token, 0.0) for token, weight in query.items())

    documents = [one(text) for text in TEXTS]
    expected = np.array([[score(one(text), document) for document in documents] for text in QUERIES])
    located = local_folder(folder)
    encoder = BgeM3Head(SentenceTransformerEncoder(located, Settings()), located, head)
    run = searched(SparseRetriever if head == "sparse" else LateRetriever, encoder, tmp_path, 57)
    if head == "late":
        assert_same(run, expected, 57)
    else:  # A document without a common term is not returned.
        for i, row in enumerate(expected):
            found = dict(zip(run[str(i)].docs, run[str(i)].scores.tolist(), strict=True))
            assert found == pytest.approx({f"d{j:03}": s for j, s in enumerate(row) if s > 0}, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "family", "kind"), [("colbert", LATE, LateRetriever), ("splade", LEARNED_SPARSE, SparseRetriever)]
)
def test_shards_and_order_do_not_show(name: str, family: Any, kind: Any, folders: Path, tmp_path: Path) -> None:
    class Alone(SentenceTransformerEncoder):
        """One text a batch, so that its vectors depend on it alone."""

        @property
        def limits(self) -> BatchLimits:
            return BatchLimits(None, 1)

    encoder = Alone(local_folder(folders / name), Settings(), family)
    whole = searched(kind, encoder, tmp_path / "whole", 20, size=100)
    order = np.random.default_rng(0).permutation(len(TEXTS)).tolist()
    for size in (1, 7, 57):
        found = searched(kind, encoder, tmp_path / str(size), 20, size=size, order=order)
        for query, ranking in whole.items():
            assert found[query].docs == ranking.docs
            assert found[query].scores.tobytes() == ranking.scores.tobytes()


class Fixed:
    """An encoder whose vectors are given by text."""

    uses_language = False
    limits = BatchLimits(None, 5)

    def __init__(self, form: Any, vectors: dict[str, Any], *, mean: bool = False) -> None:
        self.form, self._vectors, self.mean_of_queries = form, vectors, mean

    def recipe(self, side: str) -> dict[str, Any]:
        return {"side": side}

    def encode(self, texts: Any, side: str, language: str) -> Any:
        rows = [self._vectors[text] for text in texts]
        return csr_array(np.array(rows)) if self.form is SPARSE else rows

    def count_tokens(self, texts: Any, side: str) -> None:
        return None

    def rendered(self, text: str, side: str) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return {}


def test_ties_are_decided_by_the_ids_whatever_the_segments(tmp_path: Path) -> None:
    vectors = {text: [1.0, 0.0] for text in TEXTS} | {text: [1.0, 0.0] for text in QUERIES}
    run = searched(SparseRetriever, Fixed(SPARSE, vectors), tmp_path / "s", 5, size=3)
    assert run["0"].docs == ["d056", "d055", "d054", "d053", "d052"]
    rows = {text: [vector, vector] for text, vector in vectors.items()}
    run = searched(LateRetriever, Fixed(MULTI, rows), tmp_path / "l", 5, size=3)
    assert run["0"].docs == ["d056", "d055", "d054", "d053", "d052"]
    assert run["0"].scores.tolist() == [2.0] * 5


def test_a_text_without_vectors_scores_nothing(tmp_path: Path) -> None:
    rows: dict[str, Any] = {text: np.full((2, 3), -1.0) for text in (*TEXTS, *QUERIES)}
    rows[TEXTS[4]] = np.empty((0, 3))
    run = searched(LateRetriever, Fixed(MULTI, rows), tmp_path, 57)
    empty = [f"d{i:03}" for i, text in enumerate(TEXTS) if text == TEXTS[4]]
    scores = dict(zip(run["0"].docs, run["0"].scores.tolist(), strict=True))
    assert {scores[name] for name in empty} == {0.0}
    assert {score for name, score in scores.items() if name not in empty} == {6.0}


def test_large_and_small_scores_survive_the_first_pass(tmp_path: Path) -> None:
    """Scores that differ by less than float32 can tell of their sums are told apart by the exact second pass."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(4, 64)) * 100
    rows: dict[str, Any] = {text: base + rng.normal(size=(4, 64)) * 1e-4 for text in (*TEXTS, *QUERIES)}
    rows = {text: np.asarray(row, dtype=np.float32) for text, row in rows.items()}
    expected = np.array([[maxsim(rows[q], rows[t]) for t in TEXTS] for q in QUERIES])
    run = searched(LateRetriever, Fixed(MULTI, rows), tmp_path, 7)
    for i in range(len(QUERIES)):
        best = rank([f"d{j:03}" for j in range(len(TEXTS))], expected[i], 7)
        assert run[str(i)].docs == best.docs


def test_maxsim_by_hand() -> None:
    query, document = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.5, 0.5], [1.0, -1.0], [0.0, 0.75]])
    assert maxsim(query, document) == 1.75
    assert maxsim(query, document, mean=True) == 0.875


@pytest.mark.parametrize("form", [SINGLE, SPARSE, MULTI])
def test_what_is_stored_is_what_was_made(form: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    lengths = [3, 0, 1, 4]
    batch: Any = {
        SINGLE: rng.normal(size=(4, 5)).astype(np.float32),
        SPARSE: random_array((4, 50), density=0.2, rng=rng, dtype=np.float32, format="csr"),
        MULTI: [rng.normal(size=(n, 5)).astype(np.float32) for n in lengths],
    }[form]
    vectors = form.gathered([(np.array([2, 0, 3, 1]), form.checked(batch, 4))], 4)
    path = tmp_path / f"shard{form.suffix}"
    path.write_bytes(form.dump(vectors))
    assert form.keys(form.load(path)) == form.keys(vectors)
    assert form.dump(form.load(path)) == path.read_bytes()
    rows = list(batch) if form is MULTI else np.asarray(batch.todense() if form is SPARSE else batch)
    for place, number in enumerate([2, 0, 3, 1]):
        stored = form.load(path)
        found = stored.of(number) if isinstance(stored, Tokens) else stored[[number], :]
        found = found.toarray() if form is SPARSE else found
        np.testing.assert_array_equal(np.asarray(found).reshape(np.asarray(rows[place]).shape), rows[place])


@pytest.mark.parametrize("form", [SPARSE, MULTI])
def test_what_is_impossible_stops(form: Any) -> None:
    bad = (
        csr_array(np.array([[1.0, 0.0], [0.0, np.nan]]))
        if form is SPARSE
        else [np.ones((1, 2)), np.full((2, 2), np.inf)]
    )
    with pytest.raises(StoppedError, match="NaN or infinity in 1 of 2 vectors"):
        form.checked(bad, 2)
    with pytest.raises(StoppedError, match="2 vectors for 3 texts"):
        form.checked(bad, 3)
    narrow = csr_array(np.ones((1, 2))) if form is SPARSE else [np.ones((1, 2))]
    wide = csr_array(np.ones((1, 3))) if form is SPARSE else [np.ones((1, 3))]
    with pytest.raises(StoppedError, match="vectors of 3 dimensions after 2"):
        form.gathered([(np.array([0]), form.checked(narrow, 1)), (np.array([1]), form.checked(wide, 1))], 2)


def test_folders_without_a_head_are_refused(tmp_path: Path) -> None:
    located = local_folder(save_bert(tmp_path / "bert", word_tokenizer()))
    with pytest.raises(MissingError, match="no projection to token vectors"):
        SentenceTransformerEncoder(located, Settings(), LATE)
    with pytest.raises(MissingError, match="no sparse head"):
        SentenceTransformerEncoder(located, Settings(), LEARNED_SPARSE)
    with pytest.raises(MissingError, match=r"no sparse_linear\.pt"):
        BgeM3Head(SentenceTransformerEncoder(located, Settings()), located, "sparse")


def test_a_pickle_with_more_than_weights_is_refused(folders: Path, tmp_path: Path) -> None:
    import pickle
    import shutil

    folder = Path(shutil.copytree(folders / "bge-m3", tmp_path / "bge"))
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (marker,))

    (folder / "colbert_linear.pt").write_bytes(pickle.dumps(Evil()))
    located = local_folder(folder)
    encoder = BgeM3Head(SentenceTransformerEncoder(located, Settings()), located, "late")
    with pytest.raises(MissingError, match=r"colbert_linear\.pt"):
        encoder.encode(["river"], "query", "en")
    assert not marker.exists()


@pytest.mark.parametrize("expression", ["late:{}/colbert", "sparse:{}/splade", "bm25 >> late:{}/colbert[5]"])
def test_end_to_end(expression: str, folders: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"languages": ["en"], "cache": tmp_path / "c", "offline": True, "board": tmp_path / "b"}
    result = bench.run(expression.format(folders), "mini", **options)
    assert str(folders) not in Path(result["entry"]).read_text()
    again = bench.run(expression.format(folders), "mini", **options)
    assert again["languages"] == result["languages"]
    if ">>" not in expression:
        assert result["vectors"] == {"encoded": 24 + 72, "reused": 0}
        assert again["vectors"] == {"encoded": 0, "reused": 24 + 72}
        recipe = json.loads(Path(result["entry"]).read_text())["languages"]["en"]["recipe"]
        assert recipe["encoders"][0]["query"]["recipe"]["adapter"] in ("multi-vector-encoder", "sparse-encoder")


def test_scoring_again_by_late_interaction_orders_as_a_first_stage_would(folders: Path, tmp_path: Path) -> None:
    """Where the first stage returns the whole corpus the two must agree."""
    options: dict[str, Any] = {"languages": ["en"], "cache": tmp_path / "c", "offline": True, "k": 24}
    first = bench.run(f"late:{folders}/colbert", "mini", **options)
    second = bench.run(f"muse-small >> late:{folders}/colbert[24]", "mini", **options)
    for measure in first["measures"]:
        assert second["languages"]["en"][measure] == pytest.approx(first["languages"]["en"][measure], abs=1e-9)
