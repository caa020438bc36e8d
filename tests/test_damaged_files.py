"""Every loader's files, each damaged in every way: a message with the file, exit code 3, and nothing half-written."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import toy
from console import call
from originals import Known, block_network, write

import bench
from bench.errors import MissingError
from bench.loaders.text import open_text
from bench.registry import Registry

XQUAD_R = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def squad(**more: Any) -> str:
    questions = [{"id": f"q{i}", "question": text, "answers": [{"answer_start": 0}]} for i, text in enumerate("ab")]
    return json.dumps({"data": [{"paragraphs": [{"context": "A river.", "qas": questions, **more}]}]}, indent=1)


class Layout(NamedTuple):
    """Small whole files of one language of a task; `files` are content by name under the data folder.

    `judged` is the file of judgments, with a line that judges another document and one that judges another query.
    """

    task: str
    language: str
    files: dict[str, str]
    topics: str | None = None
    judged: tuple[str, str, str | None] | None = None


PAIRS = "1\ta river\n2\ta lake\n"
TREC_QRELS = "1 Q0 1 1\n2 Q0 2 1\n"
BEIR = [{"_id": "1", "text": "a river"}, {"_id": "2", "text": "a lake"}]

LAYOUTS = [
    Layout(
        "miracl",
        "yo",
        {
            "miracl/v1.0/yo/docs/docs-1.jsonl": lines(
                *({"docid": str(i), "title": "t", "text": "a river"} for i in (1, 2))
            ),
            "miracl/v1.0/yo/dev/topics.tsv": PAIRS,
            "miracl/v1.0/yo/dev/qrels.tsv": TREC_QRELS,
        },
        "miracl/v1.0/yo/dev/topics.tsv",
        ("miracl/v1.0/yo/dev/qrels.tsv", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
    Layout(
        "mrtydi",
        "sw",
        {
            "mrtydi/mrtydi-v1.1-swahili/collection/docs.jsonl": lines(
                *({"id": str(i), "contents": "t\n\na river"} for i in (1, 2))
            ),
            "mrtydi/mrtydi-v1.1-swahili/topic.test.tsv": PAIRS,
            "mrtydi/mrtydi-v1.1-swahili/qrels.test.txt": TREC_QRELS,
        },
        "mrtydi/mrtydi-v1.1-swahili/topic.test.tsv",
        ("mrtydi/mrtydi-v1.1-swahili/qrels.test.txt", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
    Layout(
        "mmarco",
        "de",
        {
            "mmarco/v2/german_collection.tsv": PAIRS,
            "mmarco/v2/german.queries.dev.tsv": PAIRS,
            "mmarco/qrels.dev.small.tsv": TREC_QRELS,
        },
        None,
        ("mmarco/qrels.dev.small.tsv", "1\t0\t9\t1\n", "9\t0\t1\t1\n"),
    ),
    Layout(
        "msmarco",
        "en",
        {
            "msmarco/collection.tsv": PAIRS,
            "msmarco/queries.dev.small.tsv": PAIRS,
            "msmarco/qrels.dev.small.tsv": TREC_QRELS,
        },
        None,
        ("msmarco/qrels.dev.small.tsv", "1\t0\t9\t1\n", "9\t0\t1\t1\n"),
    ),
    Layout(
        "xor-retrieve",
        "ko",
        {
            "xor-retrieve/xor_dev_retrieve_eng_span_v1_1.jsonl": lines(
                *({"id": str(i), "question": "which", "lang": "ko", "answers": ["river"]} for i in (1, 2))
            ),
            "xor-retrieve/enwiki_20190201_w100.tsv": "id\ttext\ttitle\n1\ta river\tt\n2\ta lake\tt\n",
        },
    ),
    Layout(
        "xtreme-up",
        "bho",
        {
            "xtreme-up/retrieval_cross_lang/index.jsonl": lines(
                *({"id": str(i), "title": "t", "context": "a river"} for i in (1, 2))
            ),
            "xtreme-up/retrieval_cross_lang/test/bho.jsonl": lines(*({"id": i, "question": "which"} for i in (1, 2))),
        },
        None,
        ("xtreme-up/retrieval_cross_lang/test/bho.jsonl", lines({"id": "9", "question": "what"}), None),
    ),
    Layout("xquad", "en", {"xquad/xquad.en.json": squad()}),
    Layout(
        "xquad-r",
        "en",
        {f"lareqa/{code}.json": squad(sentences=["A river."], sentence_breaks=[[0, 8]]) for code in XQUAD_R},
    ),
    Layout(
        "path:beir",
        "und",
        {
            "beir/corpus.jsonl": lines(*BEIR),
            "beir/queries.jsonl": lines(*BEIR),
            "beir/qrels/test.tsv": "1\t1\t1\n2\t2\t1\n",
        },
        None,
        ("beir/qrels/test.tsv", "1\t9\t1\n", "9\t1\t1\n"),
    ),
    Layout(
        "path:trec",
        "und",
        {"trec/docs.jsonl": lines(*BEIR), "trec/topics.tsv": PAIRS, "trec/qrels.txt": TREC_QRELS},
        "trec/topics.tsv",
        ("trec/qrels.txt", "1\tQ0\t9\t1\n", "9\tQ0\t1\t1\n"),
    ),
]
BY_TASK = {layout.task: layout for layout in LAYOUTS}
# Of eleven equal files two are enough: the language's own, and another of the pool.
FILES = [
    (layout.task, name)
    for layout in LAYOUTS
    for name in layout.files
    if "lareqa" not in name or Path(name).stem in "en ru"
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    block_network(monkeypatch)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "irds"))


def lay(layout: Layout, data: Path) -> Path:
    for name, text in layout.files.items():
        write(data / name, text)
    return data


def named(layout: Layout, data: Path) -> str:
    return f"path:{data / layout.task.removeprefix('path:')}" if layout.task.startswith("path:") else layout.task


def run(layout: Layout, tmp_path: Path, model: Any = None, pinned: bool = True, **options: Any) -> dict[str, Any]:
    task: Any = named(layout, tmp_path / "data")
    if not pinned:
        task = Registry().task(task).model_copy(update={"pins": {}})
    folders = {name: tmp_path / name for name in ("data", "cache", "board", "output")}
    settings = {"languages": [layout.language], "offline": True, "allow_unpinned": True, **folders, **options}
    return bench.run(model or Known({}), task, **settings)


def nothing_written(tmp_path: Path) -> bool:
    left = [path for name in ("board", "output", "cache/work") for path in (tmp_path / name).rglob("*")]
    return not [path for path in left if path.is_file() and path.suffix != ".lock" and path.name != ".lock"]


def test_the_files_are_whole(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        lay(layout, tmp_path / layout.task.removeprefix("path:") / "data")
        result = run(layout, tmp_path / layout.task.removeprefix("path:"), "bm25")
        assert result["languages"][layout.language]["queries"] == 2, layout.task


# --- one file of a task is something else


def packed(name: str, data: bytes) -> bytes:
    """A tar archive, gzipped, that holds one file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, data)
    return archive.getvalue()


PAGE = b"\n<!DOCTYPE html>\n<html><body>404: not here, 1\ta river</body></html>\n"
TRUNCATED = "the gzip file is truncated or damaged: Compressed file ended before the end-of-stream marker was reached"

# What lies there instead, whether under the name with .gz, and the message.
Damage = tuple[Callable[[bytes], bytes], bool, str]
DAMAGES: dict[str, Damage] = {
    "half-downloaded": (lambda data: gzip.compress(data)[:-9], True, f"{TRUNCATED}; get it again"),
    "a web page as .gz": (lambda data: PAGE, True, "expected text, found a web page; get the file again"),
    "a zip archive": (
        lambda data: zipped("f", data),
        False,
        "expected text, found a zip archive; get the file again",
    ),
    "the archive itself": (
        lambda data: packed("f", data),
        True,
        "expected text, found a tar archive: unpack it; get the file again",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("task", "name"), FILES)
def test_something_else_in_the_place_of_a_file(tmp_path: Path, task: str, name: str, damage: str) -> None:
    layout = BY_TASK[task]
    path = lay(layout, tmp_path / "data") / name
    make, gz, message = DAMAGES[damage]
    data = make(path.read_bytes())
    path.unlink()
    path = path.with_name(f"{path.name}.gz") if gz else path
    path.write_bytes(data)
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path)
    assert str(caught.value).removeprefix(f"{task}, {layout.language}: ") == f"{path}: {message}"
    assert caught.value.exit_code == 3
    assert nothing_written(tmp_path)


@pytest.mark.parametrize(("task", "name"), FILES)
def test_bytes_that_are_not_utf_8(tmp_path: Path, task: str, name: str) -> None:
    layout = BY_TASK[task]
    path = lay(layout, tmp_path / "data") / name
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, second.rstrip(b"\n") + b" \xe4\n", *rest]))
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path)
    message = str(caught.value).removeprefix(f"{task}, {layout.language}: ")
    assert message.startswith(f"{path}:2: not UTF-8 text: ")
    assert nothing_written(tmp_path)


# --- the files do not fit together


@pytest.mark.parametrize("task", [layout.task for layout in LAYOUTS if layout.topics])
def test_topics_with_an_extra_column(tmp_path: Path, task: str) -> None:
    layout = BY_TASK[task]
    path = lay(layout, tmp_path / "data") / str(layout.topics)
    path.write_text("1\ta river\n2\ta lake\ten\n")
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path)
    assert str(caught.value) == f"{path}:2: expected two columns (id, query), found 3"
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("task", [layout.task for layout in LAYOUTS if layout.judged])
def test_judgments_of_another_version(tmp_path: Path, task: str) -> None:
    layout = BY_TASK[task]
    name, document, query = layout.judged or ("", "", None)
    path = lay(layout, tmp_path / "data") / name
    whole = path.read_text()
    shown = "path:beir" if task == "path:beir" else task
    path.write_text(whole + document)
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path, pinned=False, allow_unpinned=False)
    assert str(caught.value) == (
        f"{shown}, {layout.language}: the qrels name 1 documents that the corpus lacks, the first '9' ({path}:3); "
        "get the data again, or go on without a leaderboard entry with --allow-unpinned"
    )
    assert nothing_written(tmp_path)
    assert run(layout, tmp_path, "bm25", pinned=False)["languages"][layout.language]["documents"] == 2
    if query is None:  # A question and its judgment are one line.
        return
    path.write_text(whole + query)
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path, pinned=False)
    assert str(caught.value) == (
        f"{shown}, {layout.language}: the qrels judge 1 queries that are not there, the first '9' ({path}:3)"
    )


def test_every_language_is_looked_at_before_the_first_batch(tmp_path: Path) -> None:
    """Half of the questions of the second language are missing: nobody wants to hear it after the first."""
    sw = BY_TASK["mrtydi"]
    te = sw._replace(language="te", files={n.replace("swahili", "telugu"): text for n, text in sw.files.items()})
    for layout in (sw, te):
        lay(layout, tmp_path / "data")
    topics = tmp_path / "data/mrtydi/mrtydi-v1.1-telugu/topic.test.tsv"
    topics.write_text("1\ta river\n")
    log = tmp_path / "log"
    with pytest.raises(MissingError, match=r"^mrtydi, te: the qrels judge 1 queries .*, the first '2' \(.*txt:2\)$"):
        run(sw, tmp_path, toy.Toy(log), languages=["sw", "te"])
    card = Registry().task("mrtydi")
    row = card.languages["sw"].model_copy(update={"queries": 2, "judgments": 3, "positives": 2, "documents": 9})
    with pytest.raises(MissingError) as caught:
        languages = card.languages | {"sw": row}
        task = card.model_copy(update={"languages": languages})
        bench.run(toy.Toy(log), task, ["sw"], data=tmp_path / "data", cache=tmp_path / "cache", offline=True)
    assert str(caught.value).splitlines()[:2] == [
        "mrtydi, sw: the data differ from the card's pins:",
        "  judgments: the card says 3, found 2",
    ]
    assert "documents" not in str(caught.value), "nobody has read them yet"
    assert toy.logged(log) == []
    assert nothing_written(tmp_path)


# --- through the command line


@pytest.mark.parametrize("task", BY_TASK)
def test_the_command_line_says_it_without_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, task: str
) -> None:
    layout = BY_TASK[task]
    name = next(iter(layout.files))
    path = lay(layout, tmp_path / "data") / name
    path.write_bytes(PAGE)
    folders = [f"--{name}={tmp_path / name}" for name in ("data", "cache", "board", "output")]
    arguments = ["run", "--model", "bm25", "--task", named(layout, tmp_path / "data"), *folders, "--offline"]
    code, out, err = call(capsys, *arguments, "--lang", layout.language, "--allow-unpinned")
    where = f"{task}, {layout.language}: " if err.startswith(f"bench: {task}, ") else ""
    message = f"{where}{path}: expected text, found a web page; get the file again"
    assert (code, out, err) == (3, "", f"bench: {message}\n")
    assert nothing_written(tmp_path)
    path.write_text(layout.files[name])
    code, out, err = call(capsys, *arguments, "--lang", "xx")
    languages = ", ".join(Registry().task(named(layout, tmp_path / "data")).languages)
    assert (code, out) == (2, "")
    assert err.startswith("bench: unknown language 'xx': ")
    assert err.endswith(f" ({task} has {languages})\n")


# --- files that are no text

KINDS = {
    "a zip archive": zipped("f", b"1\ta"),
    "a bzip2 file": bz2.compress(b"1\ta"),
    "an xz file": lzma.compress(b"1\ta"),
    "a Zstandard file": b"\x28\xb5\x2f\xfd\x04\x00",
    "a Parquet file": b"PAR1\x15\x04",
    "a web page": PAGE,
    "a pointer of Git LFS, not the file that it stands for": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    ),
    "a gzip file in a gzip file": gzip.compress(gzip.compress(b"1\ta")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, kind: str) -> None:
    for name, data in (("f.tsv", KINDS[kind]), ("f.tsv.gz", gzip.compress(KINDS[kind]))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MissingError) as caught, open_text(tmp_path / name):
            pass
        assert str(caught.value) == f"{tmp_path / name}: expected text, found {kind}; get the file again"


def test_an_empty_file_is_no_gzip_file(tmp_path: Path) -> None:
    (tmp_path / "f.gz").write_bytes(b"")
    with pytest.raises(MissingError) as caught, open_text(tmp_path / "f.gz"):
        pass
    assert str(caught.value) == f"{tmp_path / 'f.gz'}: the gzip file is truncated: it is empty; get the file again"
    (tmp_path / "f").write_bytes(b"")
    with open_text(tmp_path / "f") as text:
        assert text.read() == ""


@pytest.mark.parametrize(
    "text", ["<p> is an HTML tag", "PK is a code", "BZh and so on", "versions", "%PDFs", "\ufeff1\ta"]
)
def test_text_that_only_begins_like_something_else(tmp_path: Path, text: str) -> None:
    for name in ("f", "f.gz"):
        with open_text(write(tmp_path / name, text)) as file:
            assert file.read() == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        (
            "xquad",
            {"context": 5},
            "not in SQuAD's layout (data, paragraphs, context, qas): TypeError('expected a text,",
        ),
        (
            "xquad",
            {"qas": [{"id": 1, "question": None}]},
            "not in SQuAD's layout (data, paragraphs, context, qas): Type",
        ),
        ("xquad", {"context": "\ud800"}, "a text holds a lone surrogate, which is no character"),
        ("xquad-r", {"sentences": [5]}, "not in XQuAD-R's layout ("),
        ("xquad-r", {"sentences": ["\ud800"]}, "a text holds a lone surrogate, which is no character"),
        ("xquad-r", {"qas": [{"id": 1, "question": 5, "answers": []}]}, "not in XQuAD-R's layout ("),
    ],
)
def test_json_of_another_shape(tmp_path: Path, task: str, change: dict[str, Any], message: str) -> None:
    layout = BY_TASK[task]
    name = next(name for name in layout.files if Path(name).stem.endswith("en"))
    path = lay(layout, tmp_path / "data") / name
    whole = json.loads(path.read_text())
    whole["data"][0]["paragraphs"][0].update(change)
    path.write_text(json.dumps(whole))
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert nothing_written(tmp_path)


def test_an_answer_with_half_a_character(tmp_path: Path) -> None:
    layout = BY_TASK["xor-retrieve"]
    name = next(iter(layout.files))
    path = lay(layout, tmp_path / "data") / name
    path.write_text(layout.files[name].replace("river", "\\ud800", 1))
    with pytest.raises(MissingError) as caught:
        run(layout, tmp_path)
    assert str(caught.value) == f"{path}:1: 'answers' holds a lone surrogate, which is no character"


@pytest.mark.parametrize("task", ["path:beir", "path:trec", "miracl"])
def test_a_document_without_an_id(tmp_path: Path, task: str) -> None:
    layout = BY_TASK[task]
    name = next(iter(layout.files))
    path = lay(layout, tmp_path / "data") / name
    text = layout.files[name].replace('id": "2"', 'id": ""')
    assert text != layout.files[name]
    path.write_text(text)
    with pytest.raises(MissingError, match=rf"^{task}, {layout.language}: document 2 has an empty id$"):
        run(layout, tmp_path)
    assert nothing_written(tmp_path)
