"""`bench tasks fetch`: each benchmark from its published layout, served here, to a run without the network."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from console import Outcome, call
from originals import gunzip
from stub_server import Server, only_loopback, serving

from bench import download as module
from bench.loaders import irds
from bench.needed import Needed
from bench.places import shipped

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_loopback(monkeypatch)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "irds"))
    monkeypatch.delenv("BENCH_DATA", raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def run(*arguments: object) -> Outcome:
        return call(capsys, *arguments, "--cache", tmp_path / "cache")

    return run


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, server: Server) -> dict[str, str]:
    """Published addresses are looked for on the server here: host and path become its path; the answer, by address."""
    import requests

    asked: dict[str, str] = {}
    get = requests.get

    def redirected(url: str, **options: Any) -> Any:
        path = "/" + url.split("://", 1)[1]
        asked[url] = path
        answer = get(server.url + path, **options)
        answer.url = url
        return answer

    monkeypatch.setattr(requests, "get", redirected)
    return asked


def lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def run_offline(bench: Any, task: str, language: str, *where: object) -> dict[str, Any]:
    arguments = ("--lang", language, "--offline", "--allow-unpinned", "--no-board", "--json", *where)
    outcome = bench("run", "--model", "bm25", "--task", task, *arguments)
    assert outcome.code == 0, outcome
    (result,) = json.loads(outcome.out)
    return result["languages"][language]


@pytest.fixture
def xquad(server: Server, test_data: Path, elsewhere: dict[str, str], tmp_path: Path) -> dict[str, str]:
    source = yaml.safe_load((shipped("tasks") / "xquad.yaml").read_text(encoding="utf-8"))["source"]["url"]
    for language in ("en", "tr"):
        plain = gunzip(test_data / "xquad" / f"xquad.{language}.json.gz", tmp_path / "plain").read_bytes()
        server.serve(f"/{source.split('://')[1]}/xquad.{language}.json", plain)
    return elsewhere


def test_real_files_from_their_address_to_a_run_without_it(bench: Any, xquad: Any, tmp_path: Path) -> None:
    data = tmp_path / "data"
    code, out, err = bench("tasks", "fetch", "xquad", "--lang", "en,tr", "--data", data)
    assert (code, out) == (0, f"xquad: en, tr: complete in {data}\n")
    licences = "xquad: licences: texts CC-BY-SA-4.0, labels CC-BY-SA-4.0\n"
    assert (
        err
        == f"{licences}2 files fetched ({sum(p.stat().st_size for p in data.rglob('*.json')) / 1e6:,.1f} MB), 0 were there\n"
    )
    assert sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()) == [
        "xquad/xquad.en.json",
        "xquad/xquad.tr.json",
    ]
    xquad.clear()
    again = bench("tasks", "fetch", "xquad", "--lang", "en,tr", "--data", data, "--quiet")
    assert (again, xquad) == ((0, out, ""), {})
    (result,) = json.loads(
        bench(
            "run",
            "--model",
            "bm25",
            "--task",
            "xquad",
            "--lang",
            "en",
            "--data",
            data,
            "--offline",
            "--no-board",
            "--json",
        ).out
    )
    assert (result["pins"], result["languages"]["en"]["queries"]) == ("match", 1187)


def test_without_data_the_cache_is_filled(bench: Any, xquad: Any, tmp_path: Path) -> None:
    value = json.loads(bench("tasks", "fetch", "xquad", "--lang", "tr", "--json").out)
    folder = Path(value["folder"])
    assert folder.is_relative_to(tmp_path / "cache/downloads/xquad")
    size = (folder / "xquad/xquad.tr.json").stat().st_size
    (url,) = xquad
    assert value["files"] == [{"name": "xquad/xquad.tr.json", "state": "fetched", "bytes": size, "url": url}]
    assert bench("tasks", "verify", "xquad", "--lang", "tr", "--quiet").code == 0
    xquad.clear()
    assert json.loads(bench("tasks", "fetch", "xquad", "--lang", "tr", "--json").out)["files"] == []
    assert xquad == {}


def test_a_damaged_file_is_fetched_again_and_a_right_one_kept(
    bench: Any, xquad: Any, test_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data/xquad"
    folder.mkdir(parents=True)
    (folder / "xquad.en.json").write_bytes(b"half a fi")
    shutil.copy(test_data / "xquad/xquad.tr.json.gz", folder)
    code, _, err = bench("tasks", "fetch", "xquad", "--lang", "en,tr", "--data", tmp_path / "data")
    assert code == 0
    assert f"{folder}/xquad.en.json: not the published file (its checksum is another): fetching it again" in err
    assert [url.rpartition("/")[2] for url in xquad] == ["xquad.en.json"]
    assert bench("tasks", "verify", "xquad", "--lang", "en", "--data", tmp_path / "data", "--quiet").code == 0
    (folder / "xquad.tr.json.gz").write_bytes((folder / "xquad.tr.json.gz").read_bytes()[:-9])
    assert bench("tasks", "fetch", "xquad", "--lang", "tr", "--data", tmp_path / "data").code == 0
    assert bench("tasks", "verify", "xquad", "--lang", "tr", "--data", tmp_path / "data", "--quiet").code == 0


def test_the_wrong_file_behind_the_right_address(bench: Any, xquad: Any, server: Server, tmp_path: Path) -> None:
    path = next(path for path in server.files if path.endswith("en.json"))
    server.files[path].body += b" "
    code, out, err = bench("tasks", "fetch", "xquad", "--lang", "en", "--data", tmp_path / "data", "--quiet")
    assert (code, out) == (3, "")
    assert "sha256 is " in err
    assert ", expected e4c57d1c9143aaa1c5d265ba5987a65f4e69528d2a98f29d6e75019b10344f29: the source has changed" in err
    assert [p for p in (tmp_path / "data").rglob("*") if p.is_file()] == []


def test_a_dry_run_fetches_nothing(bench: Any, xquad: Any, tmp_path: Path) -> None:
    url = "https://raw.githubusercontent.com/deepmind/xquad/60cac411649156efb6aab9dd4c9cde787a2c0345/xquad.en.json"
    outcome = bench("tasks", "fetch", "xquad", "--lang", "en", "--data", tmp_path / "data", "--dry-run")
    assert outcome == (0, f"missing  xquad/xquad.en.json  size unknown  {url}\n", "")
    assert (xquad, (tmp_path / "data").exists()) == ({}, False)


def test_no_room_for_all_is_said_before_the_first_byte(
    bench: Any, elsewhere: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000_000))
    code, out, err = bench("tasks", "fetch", "miracl", "--lang", "en", "--data", tmp_path / "data", "--quiet")
    # The published sizes of the 66 shards (ir_datasets) add up to 5,060,264,106; a twentieth and 64 MiB come on top.
    assert (code, out) == (4, "")
    assert err == (
        f"bench: {tmp_path / 'data'}: what is to be fetched (68 files) takes 5,060,264,106 bytes, "
        f"{5_060_264_106 + 253_013_205 + (64 << 20):,} with a margin, and 5,000,000,000 are free; "
        "make room, or give another folder\n"
    )
    assert elsewhere == {}


def test_mr_tydi_from_its_archive(bench: Any, server: Server, elsewhere: Any, tmp_path: Path, monkeypatch: Any) -> None:
    root = "mrtydi-v1.1-swahili"
    docs = gzip.compress(lines([{"id": f"{i}#0", "contents": f"Kichwa {i}\n\nmwili namba{i}"} for i in range(5)]))
    files = {f"{root}/collection/docs.jsonl.gz": docs}
    for split, n in (("test", 3), ("dev", 4)):
        files[f"{root}/topic.{split}.tsv"] = f"1\tnamba{n}\n".encode()
        files[f"{root}/qrels.{split}.txt"] = f"1\tQ0\t{n}#0\t1\n".encode()
    server.serve(f"/git.uwaterloo.ca/jimmylin/mr.tydi/-/raw/master/data/{root}.tar.gz", tar(files))
    code, _, err = bench("tasks", "fetch", "mrtydi", "--lang", "sw", "--data", tmp_path / "data", "--quiet")
    # Small as it is, it is taken for another file: the published archive of version 1.0 has 10,452,957 bytes.
    assert (code, "about 10,452,957 are expected: not the published file" in err) == (3, True)
    monkeypatch.setattr(irds, "_catalogue", dict)
    data = tmp_path / "data"
    assert bench("tasks", "fetch", "mrtydi", "--lang", "swahili", "--data", data, "--quiet").code == 0
    assert sorted(p.name for p in (data / "mrtydi").iterdir()) == [root]  # the archive is gone
    # The other splits have come along, those that the archive holds.
    assert (data / "mrtydi" / root / "topic.dev.tsv").is_file()
    elsewhere.clear()
    assert bench("tasks", "fetch", "mrtydi", "--lang", "sw", "--split", "dev", "--data", data, "--quiet").code == 0
    assert elsewhere == {}
    assert run_offline(bench, "mrtydi", "sw", "--data", data)["MRR@100"] == 1.0
    code, _, err = bench("tasks", "fetch", "mrtydi", "--lang", "sw", "--split", "train", "--data", data, "--quiet")
    assert (code, "no mrtydi-v1.1-swahili/topic.train.tsv in it; get the right archive" in err) == (3, True)


POOL = [{"id": f"p{i}", "title": "T", "context": f"number{i}"} for i in range(3)]


@pytest.fixture
def up(server: Server, elsewhere: dict[str, str]) -> dict[str, str]:
    """XTREME-UP's archive: any root folder, the validation split called dev, other tasks beside this one."""
    root = "xtreme_up_v1.1"
    folder = f"{root}/retrieval_cross_lang"
    question = [{"id": "p2", "title": "T", "context": "c", "question": "number2"}]
    files = {f"{folder}/index.jsonl": lines(POOL), f"{root}/qa/test/bho.jsonl": b"{}"}
    files |= {f"{folder}/{split}/{code}.jsonl": lines(question) for code in ("bho", "or") for split in ("test", "dev")}
    server.serve("/storage.googleapis.com/xtreme-up/xtreme-up-v1.1.jsonl.tgz", tar(files))
    return elsewhere


def test_xtreme_up_from_its_archive(bench: Any, up: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert bench("tasks", "fetch", "xtreme-up", "--lang", "bho", "--data", data, "--quiet").code == 0
    found = {str(p.relative_to(data / "xtreme-up/retrieval_cross_lang")) for p in data.rglob("*") if p.is_file()}
    assert {"index.jsonl", "test/bho.jsonl", "test/or.jsonl", "validation/or.jsonl"} <= found
    assert not any("qa" in name for name in found)
    up.clear()
    for split in ("test", "validation"):
        arguments = ("--lang", "bho,or", "--split", split, "--data", data, "--quiet")
        assert bench("tasks", "fetch", "xtreme-up", *arguments).code == 0
    assert up == {}
    assert run_offline(bench, "xtreme-up", "or", "--data", data)["MRR@10"] == 1.0


def test_a_run_fetches_the_archive_by_itself(bench: Any, up: dict[str, str], tmp_path: Path) -> None:
    arguments = ("--model", "bm25", "--task", "xtreme-up", "--lang", "bho", "--allow-unpinned", "--no-board", "--json")
    (result,) = json.loads(bench("run", *arguments).out)
    assert (result["languages"]["bho"]["MRR@10"], len(up)) == (1.0, 1)
    assert run_offline(bench, "xtreme-up", "or")["MRR@10"] == 1.0


def test_what_lies_there_under_another_root_is_not_fetched_again(
    bench: Any, up: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "data/xtreme-up/root/retrieval_cross_lang"
    (folder / "test").mkdir(parents=True)
    (folder / "index.jsonl").write_bytes(lines(POOL))
    (folder / "test/bho.jsonl").write_bytes(lines([{"id": "p1", "question": "q"}]))
    assert bench("tasks", "fetch", "xtreme-up", "--lang", "bho", "--data", tmp_path / "data", "--quiet").code == 0
    assert up == {}


def test_msmarco_wants_its_header_and_comes_out_of_its_archive(
    bench: Any, server: Server, elsewhere: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    files = {"./collection.tsv": b"0\tred\n1\tblue sea\n", "queries.dev.small.tsv": b"7\tsea\n"}
    body = tar(files | {"qrels.dev.small.tsv": b"7\t0\t1\t1\n", "queries.train.tsv": b"x"})
    entry = {"url": "https://a/c.tar.gz", "expected_md5": hashlib.md5(body).hexdigest(), "size_hint": len(body)}
    headers = {"download_args": {"headers": {"X-Ms-Version": "2019-12-12"}}}
    table = {"msmarco-passage": {"collectionandqueries": {**entry, **headers, "cache_path": "c.tar.gz"}}}
    monkeypatch.setattr(irds, "_catalogue", lambda: table)
    server.serve("/a/c.tar.gz", body, wants={"X-Ms-Version": "2019-12-12"})
    code, _, err = bench("tasks", "fetch", "msmarco")
    assert code == 0
    assert "licences: texts LicenseRef-MSMARCO-non-commercial" in err
    assert run_offline(bench, "msmarco", "en")["MRR@10"] == 1.0


def test_nobody_knows_an_address(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "cards/tasks").mkdir(parents=True)
    card = (shipped("tasks") / "xquad.yaml").read_text(encoding="utf-8").replace("name: xquad\n", "name: mine\n", 1)
    fields = yaml.safe_load(card)
    del fields["source"]["url"]
    (tmp_path / "cards/tasks/mine.yaml").write_text(yaml.safe_dump(fields, allow_unicode=True), encoding="utf-8")
    arguments = ("--cards", tmp_path / "cards", "--data", tmp_path / "data", "--quiet")
    code, out, err = bench("tasks", "fetch", "mine", "--lang", "en", *arguments)
    assert (code, out) == (3, "")
    assert err == (
        f"bench: no address is known of xquad/xquad.en.json: get it by hand from the source that the card names, "
        f"and put it under {tmp_path / 'data'}\n"
    )


def test_what_comes_with_bench_and_what_does_not_exist(bench: Any) -> None:
    assert bench("tasks", "fetch", "mini", "--lang", "en", "--quiet") == (0, "mini: en: complete\n", "")
    code, _, err = bench("tasks", "fetch", "miracle")
    assert (code, err) == (2, "bench: unknown task 'miracle': did you mean 'miracl'? (bench tasks list)\n")
    code, _, err = bench("tasks", "fetch", "miracl", "--lang", "xx")
    assert (code, "miracl has ar, bn" in err) == (2, True)


def test_a_run_without_files_names_the_command(bench: Any, tmp_path: Path) -> None:
    arguments = ("--model", "bm25", "--task", "mrtydi", "--lang", "te", "--split", "dev", "--offline")
    code, _, err = bench("run", *arguments, "--data", tmp_path)
    assert (code, f"(bench tasks fetch mrtydi --lang te --split dev --data {tmp_path})\n" in err) == (3, True)


def test_ctrl_c_keeps_the_part_and_says_so(server: Server, test_data: Path, tmp_path: Path) -> None:
    plain = gunzip(test_data / "xquad/xquad.en.json.gz", tmp_path / "plain").read_bytes()
    server.serve("/xquad.en.json", plain, cuts=[20_000], stall_s=20)
    card = (shipped("tasks") / "xquad.yaml").read_text(encoding="utf-8").replace("name: xquad\n", "name: mine\n", 1)
    fields = yaml.safe_load(card)
    fields["source"]["url"] = server.url
    (tmp_path / "cards/tasks").mkdir(parents=True)
    (tmp_path / "cards/tasks/mine.yaml").write_text(yaml.safe_dump(fields, allow_unicode=True), encoding="utf-8")
    arguments = ["tasks", "fetch", "mine", "--lang", "en", "--cards", tmp_path / "cards", "--data", tmp_path / "data"]
    command = [sys.executable, "-m", "bench", *map(str, arguments), "--cache", str(tmp_path / "cache")]
    part = tmp_path / "data/xquad/xquad.en.json.part"
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size == 20_000):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "bench: interrupted: 20,000 bytes of xquad.en.json and all finished files are kept; run the same" in err
    assert "Traceback" not in err
    server.asked.clear()
    server.files["/xquad.en.json"].cuts.clear()
    subprocess.run(command, check=True, capture_output=True, cwd=CHECKOUT)
    assert server.asked[0][1] == "bytes=20000-"
    assert (tmp_path / "data/xquad/xquad.en.json").read_bytes() == plain


def test_the_network_is_really_blocked(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the network was asked for"), socket.socket() as own:
        own.connect(("192.0.2.1", 80))
    assert Needed("a").origin is None
