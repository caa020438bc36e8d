"""swim-x and its relatives: against transformers called by hand, from checkpoints of their shape made on the spot."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import cardfiles
import numpy as np
import pytest
import tiny
import toy
from console import Outcome, call

import bench
from bench.errors import InputError, MissingError, StoppedError
from bench.places import shipped
from bench.registry import Registry
from bench.system import Options, System, resolve
from bench.weights import folders_of

QUERIES = ["star planet", "wolf", "tiger whale river lake", "comet " * 62 + "whale " * 40]
PASSAGES = ["wheat rice maize", "whale", "wolf tiger " * 30, "river lake " * 127 + "star " * 100]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`plain` and `other`: mT5 encoders; `st`: one of sentence-transformers; `projected`: with a dense layer; `bert`."""
    from transformers import BertConfig, BertModel

    root = tmp_path_factory.mktemp("weights")
    tokenizer = tiny.word_tokenizer()
    tiny.save_encoder(root / "plain", tokenizer)
    tiny.save_encoder(root / "other", tokenizer, seed=8)
    tiny.save_model(root / "st", tokenizer)
    tiny.save_model(root / "projected", tokenizer, projection=16)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(root / "bert")
    tokenizer.save_pretrained(root / "bert")
    return root


def system(*weights: Path, model: str = "swim-x", dtype: str | None = None) -> System:
    return resolve(model, Registry(), Options(weights=weights or None, dtype=dtype, device="cpu", offline=True))


def by_hand(folder: Path, texts: list[str], limit: int, dtype: str = "float32") -> np.ndarray:
    """Transformers alone, text by text: cut, encode, mean over the tokens, dense layer if there is one, length 1."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, MT5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = MT5EncoderModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    rows = []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")
        with torch.no_grad():
            mean = model(**ids).last_hidden_state[0].float().mean(dim=0)
        if (folder / "2_Dense").is_dir():
            mean = load_file(folder / "2_Dense" / "model.safetensors")["linear.weight"] @ mean
        rows.append(mean.numpy())
    vectors = np.stack(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("folder", ["plain", "st", "projected"])
def test_vectors_are_those_of_transformers(folders: Path, folder: str) -> None:
    (encoder,) = system(folders / folder).encoders
    queries, passages = encoder.encode(QUERIES, "query", "en"), encoder.encode(PASSAGES, "document", "en")
    np.testing.assert_allclose(queries, by_hand(folders / folder, QUERIES, 64), atol=1e-5)
    np.testing.assert_allclose(passages, by_hand(folders / folder, PASSAGES, 256), atol=1e-5)
    assert queries.shape[1] == (16 if folder == "projected" else 32)
    # The limits are seen: the longest texts have other vectors when they are cut elsewhere.
    assert np.abs(queries[3] - by_hand(folders / folder, QUERIES[3:], 63)[0]).max() > 1e-3
    assert np.abs(passages[3] - by_hand(folders / folder, PASSAGES[3:], 255)[0]).max() > 1e-4
    assert [
        encoder.count_tokens(QUERIES, "query").lengths[3],
        encoder.count_tokens(PASSAGES, "document").lengths[3],
    ] == [64, 256]  # type: ignore[union-attr]


@pytest.mark.parametrize("folder", ["plain", "projected"])
def test_bfloat16_is_that_of_transformers(folders: Path, folder: str) -> None:
    (encoder,) = system(folders / folder, dtype="bfloat16").encoders
    found = encoder.encode(PASSAGES, "document", "en")
    expected, full = by_hand(folders / folder, PASSAGES, 256, "bfloat16"), by_hand(folders / folder, PASSAGES, 256)
    assert str(next(encoder.model.parameters()).dtype) == "torch.bfloat16"  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, expected, atol=0.02)  # The library pools in bfloat16, 8 bits of mantissa.
    assert np.abs(found - full).max() > 1e-4
    assert (np.sum(found * full, axis=1) > 0.999).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_the_recipe_says_what_the_folder_has(folders: Path) -> None:
    plain, st, projected = (system(folders / name).identity["document"] for name in ("plain", "st", "projected"))
    assert (plain["projection"], st["projection"]) == (None, None)
    assert projected["projection"] == [
        {
            "in_features": 32,
            "out_features": 16,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        }
    ]
    for recipe in (plain, st, projected):
        assert (recipe["pooling"], recipe["similarity"], recipe["dtype"]) == ("mean", "cosine", "float32")
        assert recipe["max_length"] == 256
        assert len(recipe["weights"]["sha256"]) == 64
    assert len({recipe["weights"]["sha256"] for recipe in (plain, st, projected)}) == 3
    assert system(folders / "plain").identity["query"]["max_length"] == 64


def test_the_identity_is_of_the_contents_and_knows_no_path(folders: Path, tmp_path: Path) -> None:
    here = system(folders / "plain")
    moved = system(shutil.copytree(folders / "plain", tmp_path / "under another name"))
    assert moved.identity == here.identity
    assert str(folders) not in json.dumps(here.identity)
    assert not here.bare
    assert here.unresolved is None
    changed = shutil.copytree(folders / "plain", tmp_path / "changed")
    data = bytearray((changed / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (changed / "model.safetensors").write_bytes(data)
    assert system(changed).identity != here.identity


def test_two_towers(folders: Path) -> None:
    one, two = system(folders / "plain"), system(folders / "plain", folders / "other")
    other = system(folders / "other")
    assert two.identity == {"query": one.identity["query"], "document": other.identity["document"]}
    assert system(folders / "other", folders / "plain").identity != two.identity
    (encoder,) = two.encoders
    np.testing.assert_allclose(
        encoder.encode(QUERIES, "query", "en"), by_hand(folders / "plain", QUERIES, 64), atol=1e-5
    )
    passages = encoder.encode(PASSAGES, "document", "en")
    np.testing.assert_allclose(passages, by_hand(folders / "other", PASSAGES, 256), atol=1e-5)
    assert np.abs(passages - by_hand(folders / "plain", PASSAGES, 256)).max() > 0.01
    assert encoder.rendered("wolf", "query") == encoder.rendered("wolf", "document") == "wolf </s>"
    assert [weights.name for weights in two.weights] == ["plain", "other"]


def test_a_run_with_two_towers_ranks_by_their_inner_product(folders: Path, tmp_path: Path) -> None:
    docs = [(f"d{i}", text) for i, text in enumerate(PASSAGES)]
    task = toy.write_beir(tmp_path / "t", docs, [("q0", QUERIES[0]), ("q1", QUERIES[2])], {"q0": ["d0"], "q1": ["d1"]})
    result = bench.run(
        "swim-x",
        f"path:{task}",
        weights=f"{folders / 'plain'},{folders / 'other'}",
        cache=tmp_path / "cache",
        output=tmp_path / "out",
        board=tmp_path / "board",
    )
    (entry,) = (tmp_path / "out").rglob("entry.json")
    stored = json.loads(entry.read_text())
    recipe = stored["languages"]["und"]["recipe"]
    assert [w["name"] for w in recipe["weights"]] == ["plain", "other"]
    assert [w["sha256"] for w in recipe["weights"]] == [
        stored["identity"]["system"][side]["weights"]["sha256"] for side in ("query", "document")
    ]
    assert str(folders) not in entry.read_text()
    assert entry.parent.name == f"swim-x--{result['identity']}"
    assert [board.name for board in (tmp_path / "board").glob("*/*.json")] == [f"swim-x--{result['identity']}.json"]
    queries = by_hand(folders / "plain", [QUERIES[0], QUERIES[2]], 64)
    scores = queries @ by_hand(folders / "other", PASSAGES, 256).T
    expected = [[f"d{i}" for i in np.argsort(-row)] for row in scores]
    with gzip.open(next(entry.parent.glob("*.trec.gz")), "rt") as file:
        lines = [line.split() for line in file]
    assert [[line[2] for line in lines if line[0] == query] for query in ("q0", "q1")] == expected


def test_towers_of_unequal_dimensions_stop_the_run(folders: Path, tmp_path: Path) -> None:
    task = toy.write_beir(tmp_path / "t", [("d0", "wolf")], [("q0", "star")], {"q0": ["d0"]})
    with pytest.raises(
        StoppedError, match="vectors of 32 dimensions and of 16: all its vectors, of queries and of documents"
    ):
        bench.run(
            "swim-x",
            f"path:{task}",
            weights=[folders / "projected", folders / "plain"],
            cache=tmp_path / "cache",
            output=tmp_path / "out",
        )


def test_without_weights_the_folder_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    outcome: Outcome = call(capsys, "run", "--model", "swim-x", "--task", "mini", "--lang", "en", "--no-board")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == (
        "bench: swim-x: its weights cannot be fetched (the paper's checkpoints are on no hub): give a folder with "
        "--weights DIR, or --weights QUERY_DIR,PASSAGE_DIR for two encoders. A folder is either that of a Hugging Face "
        "encoder: config.json (model_type mt5 or t5), model.safetensors, tokenizer.json (or spiece.model) and "
        "tokenizer_config.json; or one of sentence-transformers: modules.json and the folders that it lists, with or "
        "without a dense projection\n"
    )


def test_what_cannot_be_its_weights_is_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        system(folders / "bert")
    assert str(caught.value) == "swim-x: bert: expected weights of the model_type mt5 or t5, found bert in config.json"
    with pytest.raises(InputError, match="swim-x: --dtype float16: its card allows float32, bfloat16"):
        system(folders / "plain", dtype="float16")
    with pytest.raises(InputError, match="--weights: expected DIR or QUERY_DIR,PASSAGE_DIR, found 3 folders"):
        system(*[folders / "plain"] * 3)
    with pytest.raises(MissingError, match="gone: no such folder of weights"):
        system(folders / "plain", folders / "gone")
    bare = shutil.copytree(folders / "plain", tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    with pytest.raises(MissingError, match=r"bare: the folder of weights is not complete, .*: tokenizer\.json or"):
        system(bare)


def test_the_option_is_one_folder_or_two(tmp_path: Path) -> None:
    (tmp_path / "a,b").mkdir()
    assert folders_of(None) is None
    assert folders_of("q") == (Path("q"),)
    assert folders_of("q, p") == (Path("q"), Path("p"))
    assert folders_of(Path("q,p")) == (Path("q,p"),)
    assert folders_of(["q", Path("p")]) == (Path("q"), Path("p"))
    assert folders_of(f"{tmp_path}/a,b") == (tmp_path / "a,b",)  # A folder of that name goes before two.


def test_all_of_the_paper_share_one_recipe(test_data: Path) -> None:
    with (test_data / "reported" / "swim-ir-paper.csv").open(encoding="utf-8") as file:
        reported = {row["model"]: row["task"] for row in csv.DictReader(file)}
    mine = [row for row in reported if row.startswith(("swim-x", "mcontriever-x", "mdpr-x"))]
    names = list(cardfiles.stated("models"))
    cards = [Registry().model(n) for n in names if n.startswith(("swim-x", "mcontriever-x", "mdpr-x"))]
    assert sorted(row for card in cards for row in card.reported_as) == sorted(mine)
    for card in cards:
        assert (card.max_length.query, card.max_length.document) == (64, 256)
        assert (card.pooling, card.similarity, card.dtypes) == ("mean", "cosine", ("float32", "bfloat16"))
        assert card.prompts and (card.prompts.query, card.prompts.document) == ("", "")
        assert card.trained_on and card.trained_on.declared
        benchmarks = {reported[row] for row in card.reported_as}
        assert not benchmarks or card.name.split("-x-")[1].removeprefix("msmarco-").startswith(
            tuple(name.removesuffix("-retrieve") for name in benchmarks)
        )
        if benchmarks & {"miracl", "xtreme-up"} and not card.name.startswith("swim-x-xtreme-up"):
            (task,) = benchmarks
            assert set(card.languages) == set(Registry().task(task).languages) | {"en"}


def mini_rows(language: str) -> list[dict[str, Any]]:
    path = shipped("tasks") / "mini" / f"{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mT5 encoder with random weights and a tokenizer trained on all languages of mini."""
    rows = [row for language in sorted(Registry().task("mini").languages) for row in mini_rows(language)]
    texts = [text for row in rows for text in (row["title"], row["text"])]
    return tiny.save_encoder(tmp_path_factory.mktemp("trained") / "mt5", tiny.piece_tokenizer(texts, 3000))


@pytest.mark.parametrize(
    ("task", "languages"),
    [
        ("mini", ["sw", "th"]),
        pytest.param("mini", None, marks=pytest.mark.long),
        pytest.param("mini-x", None, marks=pytest.mark.long),
    ],
)
def test_runs_on_mini_are_those_of_transformers(
    trained: Path, tmp_path: Path, task: str, languages: list[str] | None
) -> None:
    places = {"cache": tmp_path / "c", "output": tmp_path / "o"}
    result = bench.run("swim-x", task, languages, weights=trained, offline=True, latency=False, **places)
    assert result["complete"] is (languages is None)
    subsets = result.get("subsets") or {code: {"query": code, "document": code} for code in result["languages"]}
    for subset in [next(iter(subsets)), list(subsets)[-1]]:
        documents, questions = (mini_rows(subsets[subset][side]) for side in ("document", "query"))
        passages = by_hand(trained, [f"{row['title']} {row['text']}" for row in documents], 256)
        queries = by_hand(trained, [question for row in questions for question in row["questions"]], 64)
        scores = queries @ passages.T
        ids = [(j, f"{row['id']}-{i}") for j, row in enumerate(questions) for i in range(1, 1 + len(row["questions"]))]
        places = [1 + int((row > row[j]).sum()) for (j, _), row in zip(ids, scores, strict=True)]
        # Random weights leave near ties: the value may differ where two scores are equal to 1e-6.
        expected = np.mean([1 / np.log2(1 + place) if place <= 10 else 0 for place in places])
        assert result["languages"][subset]["nDCG@10"] == pytest.approx(expected, abs=0.02)
        found = next((tmp_path / "o").rglob(f"{subset}.trec.gz"))
        with gzip.open(found, "rt") as lines:
            run = {(query, doc): float(score) for query, _, doc, _, score, _ in map(str.split, lines)}
        for i, (_, query) in enumerate(ids):
            for j, row in enumerate(documents):
                assert run[query, row["id"]] == pytest.approx(float(scores[i, j]), abs=1e-5)
