"""`bench.run` and `bench.evaluate` from Python: names, objects, functions, and a model that is being trained."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import toy

import bench
from bench.cli import _code
from bench.errors import InputError, StoppedError

CHECKOUT = Path(__file__).parents[1]


def run(model: Any, folder: Path, languages: Sequence[str] = ("en",), **options: Any) -> dict[str, Any]:
    return bench.run(model, "mini", languages, cache=folder / "cache", offline=True, **options)


def test_run_returns_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run("bm25", tmp_path, ["en", "sw"])
    command = [
        "run",
        "--model",
        "bm25",
        "--task",
        "mini",
        "--lang",
        "sw,en",
        "--offline",
        "--json",
        "--no-board",
        "--cache",
    ]
    assert _code([*command, str(tmp_path / "other")]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert (
        result.pop("seconds").keys()
        == printed.pop("seconds").keys()
        >= {"encode_documents", "encode_queries", "search", "score"}
    )
    assert json.loads(json.dumps(result)) == printed
    assert result["partial"] == "2/18"
    assert list(result["languages"]) == ["en", "sw"]


def test_evaluate_scores_plain_dictionaries() -> None:
    qrels = {"q1": {"a": 1, "b": 0}, "q2": {"c": 2, "d": 1}, "q3": {"a": 1}}
    found = {"q1": {"b": 2.0, "a": 1.0}, "q2": {"c": 0.5, "x": 0.5, "d": 0.1}, "q9": {"a": 1.0}}
    scores = bench.evaluate(found, qrels, ["RR", "R@2", "nDCG@10"])
    by_name = {str(measure): column for measure, column in scores.values.items()}
    # In q2 `x` and `c` tie, and the id that is higher in bytes comes first: x, c, d.
    assert by_name["RR"] == {"q1": 0.5, "q2": 0.5, "q3": 0.0}
    assert by_name["R@2"] == {"q1": 1.0, "q2": 0.5, "q3": 0.0}
    ideal = 2 + 1 / np.log2(3)
    assert by_name["nDCG@10"]["q2"] == pytest.approx((2 / np.log2(3) + 1 / 2) / ideal, abs=1e-9)
    assert (scores.missing, scores.ignored, scores.queries) == (("q3",), ("q9",), 3)
    assert bench.evaluate(found, qrels, ["RR"], only_retrieved=True).queries == 2
    with pytest.raises(InputError, match="unknown measure 'NDCG@10': did you mean 'nDCG@10'"):
        bench.evaluate(found, qrels, ["NDCG@10"])
    with pytest.raises(StoppedError, match="'a' has the score nan"):
        bench.evaluate({"q1": {"a": float("nan")}}, qrels, ["RR"])


def test_a_function_an_object_and_their_two_sides(tmp_path: Path) -> None:
    calls: list[tuple[str, str]] = []

    class Model:
        def encode_queries(self, texts: list[str], language: str) -> list[list[float]]:
            calls.append(("query", language))
            return [toy.vector(text).tolist() for text in texts]

        def encode_docs(self, texts: list[str], language: str) -> np.ndarray:
            calls.append(("document", language))
            return np.stack([toy.vector(text) for text in texts]).astype(np.float64)

    one = run(Model(), tmp_path, ["sw", "en"])
    two = run(lambda texts: np.stack([toy.vector(text) for text in texts]), tmp_path, ["sw", "en"])
    assert set(calls) == {("query", "en"), ("document", "en"), ("query", "sw"), ("document", "sw")}
    assert 0.1 < one["mean"]["nDCG@10"] < 0.9
    assert one["mean"] == two["mean"]
    assert one["model"] == "'python:test_api:test_a_function_an_object_and_their_two_sides.locals.Model'".replace(
        "'", ""
    )


def test_without_a_fingerprint_nothing_is_kept_for_later(tmp_path: Path) -> None:
    model = toy.Toy(tmp_path / "log")
    model.fingerprint = None
    for _ in range(2):
        result = run(model, tmp_path, board=tmp_path / "board")
        assert result["vectors"] == {"encoded": 96, "reused": 0}
        assert result["entry"] is None
        assert "attribute `fingerprint`" in result["notes"][0]
    batches = toy.logged(tmp_path / "log")
    assert len(batches) % 2 == 0
    assert batches[: len(batches) // 2] == batches[len(batches) // 2 :]
    assert not list(tmp_path.rglob("*.npy"))
    assert not (tmp_path / "board").exists()


def test_a_fingerprint_stands_for_the_weights(tmp_path: Path) -> None:
    model = toy.Toy()
    first = run(model, tmp_path, board=tmp_path / "board")
    assert (first["vectors"], run(model, tmp_path)["vectors"]) == (
        {"encoded": 96, "reused": 0},
        {"encoded": 0, "reused": 96},
    )
    assert first["entry"] is not None
    assert Path(first["entry"]).is_file()
    model.fingerprint = "toy 2"
    assert run(model, tmp_path)["vectors"] == {"encoded": 96, "reused": 0}


def test_without_a_board_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("BENCH_BOARD", str(tmp_path / "named"))
    assert run("bm25", tmp_path)["entry"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "here"]
    assert not list((tmp_path / "here").iterdir())


def test_output_and_cards_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "cards" / "models").mkdir(parents=True)
    card = (CHECKOUT / "models" / "bm25.yaml").read_text(encoding="utf-8").replace("name: bm25", "name: steep", 1)
    (tmp_path / "cards" / "models" / "steep.yaml").write_text(card.replace("k1: 0.9", "k1: 5.0"), encoding="utf-8")
    steep = run("steep", tmp_path, cards=tmp_path / "cards", output=tmp_path / "out")
    assert steep["mean"]["nDCG@10"] != run("bm25", tmp_path)["mean"]["nDCG@10"]
    assert sorted(path.name for path in (tmp_path / "out" / "mini" / "steep").iterdir()) == [
        "en.trec.gz", "entry.json", "questions.parquet", "scores.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize("model", [3, None, object(), {"encode": 1}])
def test_what_is_no_model_is_refused(tmp_path: Path, model: Any) -> None:
    with pytest.raises(
        InputError, match="expected a name, a function from texts to vectors, or an object with encode_queries"
    ):
        run(model, tmp_path)


def test_a_class_is_no_model_but_what_it_makes_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"python:toy:Toy: this is a class: give an object of it"):
        run(toy.Toy, tmp_path)


class Dice:
    """Draws its vectors: what they are is up to the seed."""

    def encode_queries(self, texts: list[str], language: str) -> np.ndarray:
        return np.random.rand(len(texts), 8) + random.random()

    encode_docs = encode_queries


def test_what_a_model_draws_is_up_to_the_seed_alone(tmp_path: Path) -> None:
    first = run(Dice(), tmp_path, ["en", "sw"], seed=5)
    alone = run(Dice(), tmp_path, ["sw"], seed=5)
    assert alone["languages"]["sw"] == first["languages"]["sw"]
    assert run(Dice(), tmp_path, ["sw"], seed=6)["languages"]["sw"] != alone["languages"]["sw"]


def test_the_callers_own_random_numbers_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    import torch

    def draws() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(1))]

    def seed() -> None:
        random.seed(1)
        np.random.seed(2)
        torch.manual_seed(3)

    class Broken(Dice):
        def encode_docs(self, texts: list[str], language: str) -> np.ndarray:
            torch.rand(5)
            return self.encode_queries(texts, language) * np.nan

    seed()
    expected = draws() + draws()
    seed()
    found = draws()
    run(Dice(), tmp_path)
    with pytest.raises(StoppedError):
        run(Broken(), tmp_path)
    assert found + draws() == expected


def train(model: Any, pairs: list[tuple[str, str]], steps: int) -> list[float]:
    """In-batch contrastive steps, dropout included."""
    import torch

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        model.train()
        sides = [
            model(model.preprocess([pair[i] for pair in pairs], task="query"))["sentence_embedding"] for i in (0, 1)
        ]
        queries, docs = (torch.nn.functional.normalize(side, dim=1) for side in sides)
        loss = torch.nn.functional.cross_entropy(20 * queries @ docs.T, torch.arange(len(pairs)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_inside_a_training_loop(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    lines = (CHECKOUT / "tasks" / "mini" / "en.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    pairs = [(record["questions"][0], f"{record['title']} {record['text']}") for record in records]
    tokenizer = tiny.piece_tokenizer(doc for _, doc in pairs)
    folder = tiny.save_model(tmp_path / "model", tokenizer, similarity="cosine", lengths=(16, 16))

    def trained(measure: bool) -> tuple[list[float], list[dict[str, Any]]]:
        model = SentenceTransformer(str(folder), device="cpu")
        torch.manual_seed(11)
        losses, results = [], []
        for _ in range(2):
            if measure:
                results += [run(model, tmp_path, board=tmp_path / "board"), run(model, tmp_path)]
            losses += train(model, pairs[:8], 3)
        return losses, results

    losses, results = trained(measure=True)
    values = [result["mean"]["nDCG@10"] for result in results]
    # The same weights give the same number, other weights another.
    assert values[0] == values[1] != values[2] == values[3]
    assert all(result["vectors"] == {"encoded": 96, "reused": 0} for result in results)
    assert not (tmp_path / "board").exists()
    # Measuring has left no trace in the training: not in the mode, not in the numbers that dropout draws.
    assert trained(measure=False)[0] == losses
