"""TREC files: what is read, in which order, what is refused and where, and that a written run reads back."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError, MissingError, StoppedError
from bench.formats.trec import read_qrels, read_run, write_run
from bench.ranking import Run, rank


def written(folder: Path, content: str | bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def docs(run: Run) -> dict[str, list[str]]:
    return {query: ranking.docs for query, ranking in run.items()}


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ({"10": "1", "9": "1"}, ["9", "10"]),
        ({"10#10": "1", "10#2": "1"}, ["10#2", "10#10"]),
        ({"z": "1", "é": "1"}, ["é", "z"]),
        ({"\U00010000": "1", "\uffff": "1"}, ["\U00010000", "\uffff"]),  # bytes, not UTF-16 units
        ({"b": "1.0", "a": "1.0000000001"}, ["b", "a"]),  # one number in 32 bits
        ({"b": "1.0", "a": "1.000001"}, ["a", "b"]),  # two numbers in 32 bits
        ({"b": "-0.0", "a": "0.0"}, ["b", "a"]),
        ({"a": "-1e3", "b": "2E+1", "c": ".5"}, ["b", "c", "a"]),
    ],
)
def test_the_order_is_that_of_trec_eval_9(tmp_path: Path, scores: dict[str, str], order: list[str]) -> None:
    for items in (list(scores.items()), list(scores.items())[::-1]):
        path = written(tmp_path, "".join(f"q Q0 {doc} {i} {score} t\n" for i, (doc, score) in enumerate(items)))
        assert docs(read_run(path)) == {"q": order}


def test_the_rank_column_comments_and_what_follows_the_tag_are_ignored(tmp_path: Path) -> None:
    text = "# comment\n\n1 Q0 a 1 0.5 t more text\n2\tQ0  x  1 7 t\r\n  # indented comment\n1 Q0 b 9 0.75 t\n"
    assert docs(read_run(written(tmp_path, text))) == {"1": ["b", "a"], "2": ["x"]}


def test_only_ascii_blanks_part_fields(tmp_path: Path) -> None:
    path = written(tmp_path, "q\u00a01 Q0 天\u3000地 1 2 t\n")
    assert docs(read_run(path)) == {"q\u00a01": ["天\u3000地"]}


def test_a_byte_order_mark_is_no_part_of_the_first_query(tmp_path: Path) -> None:
    assert read_qrels(written(tmp_path, b"\xef\xbb\xbf1 0 a 1\n")) == {"1": {"a": 1}}


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"1 0 a 2\n") + gzip.compress(b"1 0 b -1\n"), "qrels.txt")
    assert read_qrels(path) == {"1": {"a": 2, "b": -1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 a 1 1 t\nq Q0 b 2 0.5\n", "2: expected 6 fields (query Q0 document rank score tag), found 5"),
        ("q Q0 a 1 NaN t\n", "1: the score must be a finite 32-bit number, found 'NaN'"),
        ("# c\nq Q0 a 1 -inf t\n", "2: the score must be a finite 32-bit number, found '-inf'"),
        ("q Q0 a 1 1e39 t\n", "1: the score must be a finite 32-bit number, found '1e39'"),
        ("q Q0 a 1 high t\n", "1: the score must be a finite 32-bit number, found 'high'"),
        ("q Q0 a 1 3 t\np Q0 a 1 3 t\nq Q0 b 2 2 t\nq Q0 a 3 1 t\n", "4: document 'a' occurs twice under query 'q'"),
        (b"q Q0 a 1 3 t\nq Q0 \xe9 1 3 t\n", "2: not UTF-8 text: invalid continuation byte"),
    ],
)
def test_a_bad_run_line_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_run(path)
    assert str(caught.value) == f"{path}:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 a 1\nq 0 b\n", ":2: expected 4 fields (query iteration document label), found 3"),
        ("q 0 an id 1\n", ":1: expected 4 fields (query iteration document label), found 5"),
        ("q 0 a yes\n", ":1: the label must be a whole number, found 'yes'"),
        ("q 0 a 0.5\n", ":1: the label must be a whole number, found '0.5'"),
        ("q 0 a 1\nq 1 a 0\n", ":2: document 'a' is judged twice for query 'q'"),
        ("# nothing else\n\n", ": no judgments in it"),
        ("", ": no judgments in it"),
    ],
)
def test_a_bad_qrels_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_qrels(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_truncated_gzip_is_told_from_a_short_file(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"q Q0 d{i} 1 {i} t\n" for i in range(5000)).encode())
    path = written(tmp_path, whole[: len(whole) // 2], "run.gz")
    with pytest.raises(MissingError, match="the gzip file is truncated or damaged"):
        read_run(path)


def test_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    names = ["a b", "50%", "#7", "10#2", "天\u3000地", "é", "plain", "%41", "tab\tid"]
    run = {q: rank(names, generator.normal(size=len(names)).astype(np.float32) * 10**i) for i, q in enumerate(names)}
    for name in ("run.trec", "run.trec.gz"):
        write_run(tmp_path / name, run, "tag")
        found = read_run(tmp_path / name, decode=True)
        assert docs(found) == docs(run)
        assert all(found[q].scores.tobytes() == run[q].scores.tobytes() for q in run)


def test_a_written_run_is_laid_out_as_promised(tmp_path: Path) -> None:
    run = {"é": rank(["x"], [0.1]), "#z": rank(["a", "b c"], [1.0, 2.0])}
    write_run(tmp_path / "run.trec", run, "tag")
    text = "%23z Q0 b%20c 1 2 tag\n%23z Q0 a 2 1 tag\né Q0 x 1 0.100000001 tag\n"
    assert (tmp_path / "run.trec").read_text(encoding="utf-8") == text
    write_run(tmp_path / "1.gz", run, "tag")
    write_run(tmp_path / "2.gz", dict(reversed(run.items())), "tag")
    packed = (tmp_path / "1.gz").read_bytes()
    assert packed == (tmp_path / "2.gz").read_bytes()
    assert packed[4:8] == bytes(4)  # the time
    assert gzip.decompress(packed).decode() == text


def test_ranking_cuts_after_ordering_and_refuses_what_has_no_order() -> None:
    assert rank(["9", "10", "c"], [1.0, 1.0, 2.0], k=2).docs == ["c", "9"]
    with pytest.raises(StoppedError, match=r"^document 'b' has the score nan: scores must be finite numbers$"):
        rank(["a", "b"], [1.0, float("nan")])
