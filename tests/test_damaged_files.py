"""Every loader's files, each damaged in every way: a message with the file, exit code 3, and nothing half-written."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import toy
from console import call
from layouts import BY_TASK, FILES, LAYOUTS, PAGE, lay, named, nothing_written, run, zipped

import bench
from bench.errors import MissingError
from bench.registry import Registry

pytestmark = pytest.mark.usefixtures("offline")


def test_the_files_are_whole(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        lay(layout, tmp_path / layout.task.removeprefix("path:") / "data")
        result = run(layout, tmp_path / layout.task.removeprefix("path:"), "bm25")
        assert result["languages"][layout.language]["queries"] == 2, layout.task


def packed(name: str, data: bytes) -> bytes:
    """A tar archive, gzipped, that holds one file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


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
