"""docs/formats.md against files that were just written, and against the repository's own board."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from console import call
from recipes import CHECKOUT
from toy import Toy

import bench
from bench.compact import PRECISIONS, pack
from bench.forms import MULTI, SINGLE, SPARSE, Tokens
from bench.leaderboard import NOT_TASKS, SUPERSEDED
from bench.leaderboard.audit.printed import Figure
from bench.leaderboard.imported.importing import COLUMNS
from bench.leaderboard.noise import FOLDER as NOISE
from bench.leaderboard.releases import make_release
from bench.leaderboard.reported.figures import read_figures
from bench.leaderboard.standings import standings
from bench.leaderboard.verify.stored import BLOCK_FIELDS
from bench.perquery import Row

PAGE = CHECKOUT / "docs" / "formats.md"
BOARD = CHECKOUT / "leaderboards"
TABLE = re.compile(r"^\| (?:field|column|file|path) \| .*?\|\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)
SECTIONS = dict(part.split("\n", 1) for part in re.split(r"^###? ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:])


class Fields(NamedTuple):
    """The names in the first column of a table: those that are always there, and those in italics."""

    always: set[str]
    sometimes: set[str]

    @property
    def all(self) -> set[str]:
        return self.always | self.sometimes


def rows(section: str, table: int = 0) -> list[tuple[str, str]]:
    lines = TABLE.findall(SECTIONS[section])[table].splitlines()
    return [(first, rest) for first, _, rest in (line.strip("| ").partition(" | ") for line in lines)]


def fields(section: str, table: int = 0) -> Fields:
    cells = ", ".join(first for first, _ in rows(section, table))
    sometimes = set(re.findall(r"\*`([^`]+)`\*", cells))
    return Fields(set(re.findall(r"`([^`]+)`", cells)) - sometimes, sometimes)


def named(section: str, field: str) -> set[str]:
    """The names in the second column of a field."""
    (text,) = (rest for first, rest in rows(section) if f"`{field}`" in first)
    return set(re.findall(r"`([^`]+)`", text))


def keys(values: Iterable[dict[str, Any]]) -> set[str]:
    return {key for value in values for key in value}


class Made(NamedTuple):
    """A board of a bm25 run on English `mini`, what the run returned, and its results."""

    board: Path
    result: dict[str, Any]
    output: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("formats")
    places = {"cache": root / "cache", "output": root / "out"}
    result = bench.run(model="bm25", task="mini", languages=["en"], board=root / "board", **places)
    bench.run(model=Toy(), task="mini", languages=["en"], **places)
    return Made(root / "board", result, root / "out")


def entry_in(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def test_an_entry(made: Made) -> None:
    entry = entry_in(made.board / "mini" / "bm25.json")
    assert set(entry) == fields("Entry").all
    assert set(entry["identity"]) == fields("Identity").always
    block = entry["languages"]["en"]
    assert set(block) - set(entry["measures"]) == fields("Language block").always
    assert fields("Language block").all == BLOCK_FIELDS
    assert set(block["recipe"]) == fields("Recipe").always
    assert set(block["recipe"]["data"]) == named("Recipe", "data")
    assert set(block["recipe"]["languages"]) == named("Recipe", "languages")
    flagged = [flag for _, e in boards() for b in e["languages"].values() for flag in b["flags"]]
    assert keys(flagged) <= named("Language block", "flags")


def boards() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path, entry_in(path)) for path in BOARD.glob("*/*.json") if path.parent.name not in ("imported", "releases")
    ]


def test_the_entries_of_the_repository() -> None:
    assert len(boards()) >= 9
    for path, entry in boards():
        assert set(entry) == fields("Entry").all, path
        for block in entry["languages"].values():
            assert fields("Language block").always <= set(block), path
            assert set(block) - set(entry["measures"]) <= fields("Language block").all, path
            assert set(block["recipe"]) <= fields("Recipe").all, path


def test_a_sample(made: Made, tmp_path: Path) -> None:
    bench.run(model="bm25", task="mini", languages=["en"], limit_docs=12, cache=tmp_path, output=tmp_path / "out")
    (path,) = (tmp_path / "out").glob("mini/*/entry.json")
    entry = entry_in(path)
    assert set(entry["identity"]) == fields("Identity").all
    assert {"documents", "seed"} == set(entry["identity"]["sample"]) == named("Identity", "sample")
    assert set(entry["languages"]["en"]["sample"]) == named("Language block", "sample")


def test_a_run_of_another_system(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made.output / "mini" / "bm25" / "en.trec.gz"
    board = tmp_path / "board"
    added = call(capsys, "board", "add", "--run", run, "--task", "mini", "--lang", "en", "--model", "x",
                 "--board", board, "--cache", tmp_path / "cache")  # fmt: skip
    assert added.code == 0, added.err
    (path,) = (board / "mini").glob("run-x--*.json")
    recipe = entry_in(path)["languages"]["en"]["recipe"]
    lacking = re.search(r"another system lacks .*?: (.*?)\.", SECTIONS["Recipe"], flags=re.DOTALL)
    assert lacking
    left_out = set(re.findall(r"`([^`]+)`", lacking[1]))
    assert set(recipe) == (fields("Recipe").always - left_out) | {"run"}
    assert set(recipe["run"]) == named("Recipe", "run") - {"null"}
    assert fields("Recipe").sometimes == {"approximate", "compact", "distances", "engine", "run", "tokenizer"}


def test_the_scores_of_queries(made: Made) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(made.board / "mini" / "bm25.parquet")
    assert set(schema.names) == fields("Per-query scores").always == set(Row._fields)
    doubles = {name for name in schema.names if schema.field(name).type == pa.float64()}
    assert doubles == {first.strip("`") for first, what in rows("Per-query scores") if what == "double"}


def test_a_result(made: Made) -> None:
    page = fields("Result object")
    assert set(made.result) == page.always
    make_release(made.board, "1")
    shown = [*standings(BOARD, tasks=["mini", "mini-x", "xquad", "miracl"]), *standings(made.board, release="1")]
    assert {result["kind"] for result in shown} == named("Result object", "kind")
    assert keys(shown) <= page.all
    # Only a task with slices has them, and only what another system made has an origin.
    assert page.all - keys(shown) <= {"slices"}


def test_a_release(made: Made, tmp_path: Path) -> None:
    path = made.board / "releases" / "2.json"
    if not path.exists():
        make_release(made.board, "2")
    release = entry_in(path)
    assert set(release) == fields("Release").all
    assert keys(release["entries"]) == named("Release", "entries")


def test_reported_numbers() -> None:
    assert fields("Reported numbers").all - {"avg"} == set(Figure._fields)
    files = sorted((BOARD / "reported").glob("*.csv"))
    assert files and all(read_figures(file) for file in files)


def test_imported_numbers() -> None:
    import pyarrow.parquet as pq

    index = entry_in(BOARD / "imported" / "index.json")
    assert set(index) == fields("Imported numbers", 0).all
    assert set(index["models"]) == {"file", "sha256"}
    for name, line in index["tasks"].items():
        assert set(line) == fields("Imported numbers", 1).all, name
        columns = set(pq.read_schema(BOARD / "imported" / line["file"]).names)
        texts = fields("Imported numbers", 2).all - {"main_score", "<measure> exact"}
        assert columns - texts <= {*COLUMNS, *(f"{measure} exact" for measure in COLUMNS)}, name
        assert texts | set(COLUMNS) <= columns, name
    models = pq.read_schema(BOARD / "imported" / "models.parquet").names
    assert set(models) == fields("Imported numbers", 3).all


def test_a_shard(made: Made) -> None:
    stored = sorted(made.board.parent.glob("cache/vectors/*/*.json"))
    assert len(stored) == 2  # documents and queries
    for path in stored:
        meta = entry_in(path)
        assert set(meta) == fields("Vector store", 0).always
        assert np.load(path.with_suffix(".npy")).shape == (meta["rows"], meta["dimension"])
        assert re.fullmatch("[0-9a-f]{16}", path.parent.name)
    assert fields("Vector store", 0).sometimes == {"derived", "halved", "spent"}


def test_the_files_of_vectors() -> None:
    from safetensors.numpy import load
    from scipy.sparse import csr_array

    files = dict(rows("Vector store", 1))
    assert set(files) == {f"`<key>{form.suffix}`" for form in (SINGLE, SPARSE, MULTI)}
    sparse = load(SPARSE.dump(csr_array(np.eye(2, dtype=np.float32))))
    assert set(sparse) == set(re.findall(r"`(\w+)`", files["`<key>.sparse`"]))
    tokens = load(MULTI.dump(Tokens(np.ones((3, 2), dtype=np.float32), np.array([0, 1, 3]))))
    assert set(tokens) == set(re.findall(r"`(\w+)`", files["`<key>.tokens`"]))
    compact = dict(rows("Vector store", 2))
    assert {name for cell in compact for name in cell.strip("`").split("`, `")} == set(PRECISIONS)
    for precision in ("int8", "binary"):
        names = pack(np.ones((1, 8), np.float32), precision).dtype.names
        assert names == tuple(re.findall(r"`(\w+)`", compact[f"`{precision}`"]))


def test_the_folders_of_a_board() -> None:
    parts = {part for first, _ in rows("A leaderboard folder") for part in first.strip("`").split("/")}
    assert {SUPERSEDED, NOISE, *NOT_TASKS} <= parts
