"""`bench tasks fetch`: files from their published addresses, served here, to a run without the network; what goes wrong."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from originals import gunzip
from published import caching, isolate
from stub_server import Server

from bench.needed import Needed
from bench.places import shipped

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    return caching(capsys, tmp_path / "cache")


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
