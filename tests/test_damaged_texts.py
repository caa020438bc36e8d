"""Files that are no text, and texts of another shape: a message with the file, exit code 3, and nothing half-written."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from layouts import BY_TASK, PAGE, lay, nothing_written, run, zipped
from originals import write

from bench.errors import MissingError
from bench.loaders.text import open_text

pytestmark = pytest.mark.usefixtures("offline")

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
