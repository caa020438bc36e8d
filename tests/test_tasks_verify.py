"""`bench tasks verify`: real files against their pins, one flipped byte, a stand-in corpus, what is missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call, rows
from originals import gunzip, write_lines

MIRACL_SW = {"queries": 482, "judgments": 5_092, "positives": 910}  # published


@pytest.fixture(autouse=True)
def alone(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_DATA", raising=False)


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def run(task: str, *arguments: object) -> Outcome:
        return call(capsys, "tasks", "verify", task, *arguments, "--cache", tmp_path / "cache", "--quiet")

    return run


@pytest.fixture
def xquad(test_data: Path, tmp_path: Path) -> Path:
    """A data folder with the real files of two languages, plain."""
    for language in ("en", "tr"):
        gunzip(test_data / "xquad" / f"xquad.{language}.json.gz", tmp_path / f"data/xquad/xquad.{language}.json")
    return tmp_path / "data"


def test_real_files_match(verify: Any, xquad: Path) -> None:
    code, out, err = verify("xquad", "--lang", "en,tr", "--data", xquad)
    assert (code, err) == (0, "")
    head = ["language", "documents", "queries", "judgments", "positives", "pins"]
    assert rows(out) == [head, ["en", "240", "1,187", *["1,187"] * 2, "match"], ["tr", "240", *["1,184"] * 3, "match"]]


def test_one_flipped_byte(verify: Any, xquad: Path) -> None:
    path = xquad / "xquad/xquad.en.json"
    content = bytearray(path.read_bytes())
    at = content.index(b"Panthers")  # in the text of a passage: the file stays JSON
    content[at] ^= 0x20
    path.write_bytes(content)
    code, out, err = verify("xquad", "--lang", "en,tr", "--data", xquad, "--json")
    english, turkish = json.loads(out)
    assert (code, err, turkish["pins"], turkish["differences"]) == (1, "", "match", [])
    assert (english["task"], english["language"], english["pins"], english["fault"]) == ("xquad", "en", "differ", None)
    assert english["counts"] == {
        "documents": 240,
        "queries": 1187,
        "judgments": 1187,
        "positives": 1187,
        "counted": None,
    }
    checksum, fingerprint = english["differences"]
    assert checksum == {
        "pin": "sha256 of xquad/xquad.en.json",
        "expected": "e4c57d1c9143aaa1c5d265ba5987a65f4e69528d2a98f29d6e75019b10344f29",
        "found": hashlib.sha256(content).hexdigest(),
        "strength": "hard",
    }
    assert (fingerprint["pin"], fingerprint["found"]) == ("fingerprint", english["fingerprint"])
    code, out, _ = verify("xquad", "--lang", "en", "--data", xquad)
    assert code == 1
    assert f"  sha256 of xquad/xquad.en.json: the card says {checksum['expected']}, found {checksum['found']}\n" in out
    content[at : at + 1] = b"\xff"  # not UTF-8 any more: the difference was seen before the file turned out damaged
    path.write_bytes(content)
    code, out, err = verify("xquad", "--lang", "en", "--data", xquad)
    assert (code, "sha256 of xquad/xquad.en.json" in out, "not UTF-8" in err) == (1, True, True)


def test_a_flipped_byte_in_a_packed_file(verify: Any, test_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "data/xquad/xquad.en.json.gz"
    path.parent.mkdir(parents=True)
    content = bytearray((test_data / "xquad/xquad.en.json.gz").read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    code, out, err = verify("xquad", "--lang", "en", "--data", tmp_path / "data")
    assert (code, rows(out)[1]) == (3, ["en", "damaged"])
    assert f"bench: {path}: the gzip file is truncated or damaged: " in err


def test_missing_files_outweigh_differences(verify: Any, xquad: Path) -> None:
    (xquad / "xquad/xquad.en.json").write_text('{"data": []}')
    code, out, err = verify("xquad", "--lang", "en,tr,de", "--data", xquad, "--json")
    states = {row["language"]: row["pins"] for row in json.loads(out)}
    assert (code, err, states) == (3, "", {"de": "missing", "en": "differ", "tr": "match"})
    fault = json.loads(out)[0]["fault"]
    assert fault.startswith(f"xquad, de: no xquad/xquad.de.json or xquad/xquad.de.json.gz under {xquad}, ")
    assert fault.endswith(f" (bench tasks fetch xquad --lang de --data {xquad})")
    assert verify("xquad", "--lang", "de", "--data", xquad).err == f"bench: {fault}\n"


def test_miracl_swahili_with_a_stand_in_corpus(verify: Any, test_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/miracl/v1.0/sw"
    for part in ("topics", "qrels"):
        gunzip(test_data / f"miracl/{part}.miracl-v1.0-sw-dev.tsv.gz", folder / f"dev/{part}.tsv")
    judged = dict.fromkeys(line.split("\t")[2] for line in (folder / "dev/qrels.tsv").read_text().splitlines())
    documents = [{"docid": name, "title": "", "text": f"mbadala {name}"} for name in judged]
    write_lines(folder / "docs/docs-0.jsonl.gz", documents[1:])
    shard = folder / "docs/docs-0.jsonl.gz"
    code, out, _ = verify("miracl", "--lang", "sw", "--data", tmp_path / "data", "--json")
    (row,) = json.loads(out)
    differences = {d["pin"]: (d["expected"], d["found"]) for d in row["differences"]}
    # Topics and judgments are the published ones; the corpus is not, and lacks one document that is judged.
    assert (code, row["pins"]) == (1, "differ")
    assert differences == {
        "md5 of miracl/v1.0/sw/docs/docs-0.jsonl.gz": (
            "afdb146539d0f488f14c2833e14df799",
            hashlib.md5(shard.read_bytes()).hexdigest(),
        ),
        "documents": (131_924, len(judged) - 1),
        "judged documents that the corpus lacks": (0, 1),
    }
    assert {key: row["counts"][key] for key in MIRACL_SW} == MIRACL_SW
    write_lines(folder / "docs/docs-1.jsonl.gz", documents[:1])
    _, out, _ = verify("miracl", "--lang", "sw", "--data", tmp_path / "data", "--json")
    (row,) = json.loads(out)
    assert [d["pin"] for d in row["differences"]] == [
        "files of the corpus",
        "md5 of miracl/v1.0/sw/docs/docs-0.jsonl.gz",
        "documents",
    ]
    assert row["unpinned_files"] == ["miracl/v1.0/sw/docs/docs-1.jsonl.gz"]


def test_a_soft_pin_is_listed_and_no_failure(verify: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data/xtreme-up/retrieval_cross_lang"
    write_lines(folder / "index.jsonl", [{"id": "p1", "title": "T", "context": "c"}])
    write_lines(folder / "test/bho.jsonl", [{"id": "p1", "question": "q"}])
    code, out, err = verify("xtreme-up", "--lang", "bho", "--data", tmp_path / "data")
    assert (code, err) == (0, "")
    assert rows(out)[1] == ["bho", "1", "1", "1", "1", "unchecked"]
    assert "documents: the card says 112426, found 1 (a soft pin)" in out
    assert (
        "no checksum is known of xtreme-up/retrieval_cross_lang/index.jsonl, xtreme-up/retrieval_cross_lang/test" in out
    )


def test_what_is_part_of_bench_and_another_split(verify: Any, tmp_path: Path) -> None:
    code, out, _ = verify("mini", "--lang", "en,sw", "--json")
    assert (code, [row["pins"] for row in json.loads(out)]) == (0, ["match", "match"])
    code, _, err = verify("mrtydi", "--lang", "sw", "--split", "dev", "--data", tmp_path)
    assert (code, "--split dev" in err) == (3, True)


def test_digests_are_remembered_and_a_changed_file_is_seen(verify: Any, xquad: Path, monkeypatch: Any) -> None:
    from bench import checksums

    monkeypatch.setattr(checksums, "_LARGE", 0)
    assert verify("xquad", "--lang", "tr", "--data", xquad).code == 0
    monkeypatch.setattr(checksums, "_digest", lambda *_: pytest.fail("read again"))
    assert verify("xquad", "--lang", "tr", "--data", xquad).code == 0
    path = xquad / "xquad/xquad.tr.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(pytest.fail.Exception):
        verify("xquad", "--lang", "tr", "--data", xquad)
