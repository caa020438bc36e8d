"""Mr. TyDi's archives: published counts of both versions, the one blank line, and the unpacking of an archive."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from originals import gunzip, write, write_lines, write_rows

import bench
from bench import fetch
from bench.census import CountedCorpus, census_differences
from bench.collection import Passage, Query, Source
from bench.errors import InputError, MissingError
from bench.loaders import open_source
from bench.needed import Origin
from bench.places import Places
from bench.registry import Registry
from bench.task import Task

pytestmark = pytest.mark.usefixtures("offline")

# language: name, documents, (queries, judgments) of train, dev and test (Mr. TyDi's published figures)
PUBLISHED = {
    "ar": ("arabic", 2_106_586, (12_377, 12_377), (3_115, 3_115), (1_081, 1_257)),
    "bn": ("bengali", 304_059, (1_713, 1_719), (440, 443), (111, 130)),
    "en": ("english", 32_907_100, (3_547, 3_547), (878, 878), (744, 935)),
    "fi": ("finnish", 1_908_757, (6_561, 6_561), (1_738, 1_738), (1_254, 1_451)),
    "id": ("indonesian", 1_469_399, (4_902, 4_902), (1_224, 1_224), (829, 961)),
    "ja": ("japanese", 7_000_027, (3_697, 3_697), (928, 928), (720, 923)),
    "ko": ("korean", 1_496_126, (1_295, 1_317), (303, 307), (421, 492)),
    "ru": ("russian", 9_597_504, (5_366, 5_366), (1_375, 1_375), (995, 1_168)),
    "sw": ("swahili", 136_689, (2_072, 2_401), (526, 623), (670, 743)),
    "te": ("telugu", 548_224, (3_880, 3_880), (983, 983), (646, 677)),
    "th": ("thai", 568_855, (3_319, 3_360), (807, 817), (1_190, 1_368)),
}
CONTENTS = ["Mwezi\n\nMwezi huzunguka dunia.\n\nHauna hewa.", "Jua bila mwili", "\n\nNyota ndogo"]
PARTS = ("collection/docs.jsonl.gz", "topic.test.tsv", "qrels.test.txt")


@pytest.fixture
def task() -> Task:
    return Registry().task("mrtydi")


def opened(task: Task, data: Path | None, language: str, cache: Path, *, offline: bool = True) -> Source:
    return open_source(task, language, "test", Places(data, cache, offline))


def write_small(folder: Path, split: str = "test") -> None:
    write_lines(folder / "collection/docs.jsonl.gz", [{"id": f"{i}#0", "contents": c} for i, c in enumerate(CONTENTS)])
    write_rows(folder / f"topic.{split}.tsv", [(2601, "mwezi hewa"), (2602, "nyota dunia")])
    write_rows(folder / f"qrels.{split}.txt", [(2601, "Q0", "0#0", 1), (2602, "Q0", "0#0", 1), (2602, "Q0", "2#0", 1)])


@pytest.mark.parametrize("name", ["mrtydi", "mrtydi-v1.0"])
def test_cards_have_the_published_counts(name: str) -> None:
    def counts(pins: Any) -> tuple[int, int]:
        assert pins.positives == pins.judgments
        return pins.queries, pins.judgments

    card = Registry().task(name)
    found = {
        code: (row.source_code, row.documents, counts(row.splits["train"]), counts(row.splits["dev"]), counts(row))
        for code, row in card.languages.items()
    }
    assert found == PUBLISHED


def test_the_card_says_its_version(task: Task) -> None:
    assert (task.source.revision, Registry().task("mrtydi-v1.0").source.revision) == ("v1.1", "v1.0")


@pytest.mark.parametrize("language", PUBLISHED)
def test_real_topics_and_judgments(task: Task, test_data: Path, tmp_path: Path, language: str) -> None:
    name, *_, counts = PUBLISHED[language]
    folder = tmp_path / f"mrtydi/mrtydi-v1.1-{name}"
    for part, target in (("topics", "topic.test.tsv"), ("qrels", "qrels.test.txt")):
        gunzip(test_data / "mrtydi" / f"{part}.mrtydi-v1.1-{language}.test.txt.gz", folder / target)
    lines = (folder / "qrels.test.txt").read_text(encoding="utf-8").splitlines()
    ids = dict.fromkeys(line.split()[2] for line in lines)
    write_lines(folder / "collection/docs.jsonl.gz", [{"id": i, "contents": f"T\n\n{i}"} for i in ids])
    source = opened(task, tmp_path, language, tmp_path / "cache")
    queries, qrels = source.queries(), source.qrels()
    assert qrels is not None
    assert (len(queries), sum(map(len, qrels.values()))) == counts
    assert {label for row in qrels.values() for label in row.values()} == {1}
    assert {query.id for query in queries} == set(qrels)
    census = CountedCorpus(task, language, source, tmp_path / "work").census(queries, qrels)
    assert [d.pin for d in census_differences(task, language, census)] == ["documents"]


def test_the_first_blank_line_alone_parts_title_and_text(task: Task, tmp_path: Path) -> None:
    write_small(tmp_path / "mrtydi/mrtydi-v1.1-swahili")
    source = opened(task, tmp_path, "sw", tmp_path / "cache")
    assert list(source.passages()) == [
        Passage("0#0", "Mwezi", "Mwezi huzunguka dunia.\n\nHauna hewa."),
        Passage("1#0", "", "Jua bila mwili"),
        Passage("2#0", "", "Nyota ndogo"),
    ]
    corpus = CountedCorpus(task, "sw", source, tmp_path / "work")
    # The first blank line becomes one blank; the second stays.
    assert [doc.text for doc in corpus.docs()] == [
        "Mwezi Mwezi huzunguka dunia.\n\nHauna hewa.",
        "Jua bila mwili",
        "Nyota ndogo",
    ]
    assert source.queries() == [Query("2601", "mwezi hewa"), Query("2602", "nyota dunia")]


@pytest.mark.parametrize("language", ["sw", "swahili"])
def test_small_files_run_end_to_end(tmp_path: Path, language: str) -> None:
    write_small(tmp_path / "mrtydi/mrtydi-v1.1-swahili")
    result = bench.run(
        model="bm25", task="mrtydi", languages=[language], data=tmp_path, cache=tmp_path / "cache", allow_unpinned=True,
        offline=True, output=tmp_path / "out",
    )  # fmt: skip
    block = result["languages"]["sw"]
    assert (result["main_measure"], block["MRR@100"], block["R@100"], block["nDCG@10"]) == ("MRR@100", 1.0, 1.0, 1.0)
    assert (block["queries"], block["documents"], block["judged"]) == (2, 3, 3)
    (entry,) = tmp_path.glob("out/mrtydi/*/entry.json")
    assert json.loads(entry.read_text(encoding="utf-8"))["identity"]["data"] == "castorini/mr.tydi@v1.1"


def test_another_split_is_another_table(task: Task, tmp_path: Path) -> None:
    write_small(tmp_path / "mrtydi/mrtydi-v1.1-swahili", split="dev")
    result = bench.run(
        model="bm25", task="mrtydi", languages=["sw"], split="dev", data=tmp_path, cache=tmp_path / "cache",
        allow_unpinned=True, offline=True,
    )  # fmt: skip
    assert (result["task"], result["languages"]["sw"]["MRR@100"]) == ("mrtydi@dev", 1.0)
    with pytest.raises(MissingError) as error:
        bench.run(
            model="bm25", task="mrtydi", languages=["sw"], split="dev", data=tmp_path, cache=tmp_path / "cache",
            offline=True,
        )  # fmt: skip
    assert "queries: the card says 526, found 2" in str(error.value)


def test_version_1_0_is_never_taken_for_1_1(tmp_path: Path) -> None:
    write_small(tmp_path / "mrtydi/mrtydi-v1.0-swahili")
    places = {"data": tmp_path, "cache": tmp_path / "cache", "allow_unpinned": True, "offline": True}
    with pytest.raises(MissingError) as error:
        bench.run(model="bm25", task="mrtydi", languages=["sw"], **places)
    assert str(error.value).startswith(
        f"mrtydi, sw: no mrtydi/mrtydi-v1.1-swahili/collection/docs.jsonl (plain or .gz) under {tmp_path}; --offline"
    )
    assert bench.run(model="bm25", task="mrtydi-v1.0", languages=["sw"], **places)["mean"]["MRR@100"] == 1.0


def test_version_1_0_lies_in_the_home_of_ir_datasets(tmp_path: Path) -> None:
    card = Registry().task("mrtydi-v1.0")
    with pytest.raises(MissingError, match=r"mrtydi-v1.0, sw: no mr-tydi/sw.data/mrtydi-v1.0-swahili .*in .*irds"):
        opened(card, None, "sw", tmp_path / "cache")
    write_small(tmp_path / "irds/mr-tydi/sw.data/mrtydi-v1.0-swahili")
    assert len(list(opened(card, None, "sw", tmp_path / "cache").passages())) == 3
    (tmp_path / "irds/mr-tydi/sw.data/mrtydi-v1.0-swahili/qrels.test.txt").unlink()
    with pytest.raises(MissingError, match=r"no qrels.test.txt in .*swahili; remove the folder to have it made again"):
        opened(card, None, "sw", tmp_path / "cache")


def archive_of(folder: Path, root: str, extra: list[tarfile.TarInfo]) -> bytes:
    """The archive of a language as published, with members that a careless unpacking would let out."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for info in extra:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
        tar.add(folder, arcname=root)
    return target.getvalue()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """What a download gets, by address."""
    files: dict[str, bytes] = {}

    def download(origin: Origin, target: Path, *_: Any) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[origin.url])

    monkeypatch.setattr(fetch, "download", download)
    return files


URL = "https://git.uwaterloo.ca/jimmylin/mr.tydi/-/raw/master/data/mrtydi-v1.1-swahili.tar.gz"


def test_an_archive_is_fetched_and_unpacked_once(task: Task, tmp_path: Path, served: dict[str, bytes]) -> None:
    folder, cache = tmp_path / "published", tmp_path / "cache"
    for split in ("train", "dev", "test"):
        write_small(folder, split)
    link = tarfile.TarInfo("mrtydi-v1.1-swahili/outside")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    served[URL] = archive_of(folder, "./mrtydi-v1.1-swahili", [link])
    source = opened(task, None, "sw", cache, offline=False)
    assert [query.text for query in source.queries()] == ["mwezi hewa", "nyota dunia"]
    assert len(list(source.passages())) == 3
    assert not list(tmp_path.rglob("outside"))
    (unpacked,) = (cache / "downloads/mrtydi").iterdir()
    assert [path.name for path in unpacked.rglob("mrtydi*")] == ["mrtydi", "mrtydi-v1.1-swahili"]  # no archive
    served.clear()
    assert opened(task, None, "sw", cache, offline=True).qrels() == source.qrels()


def test_a_wrong_or_broken_archive_leaves_nothing(task: Task, tmp_path: Path, served: dict[str, bytes]) -> None:
    folder, cache = tmp_path / "published", tmp_path / "cache"
    write_small(folder)
    outside = tarfile.TarInfo("mrtydi-v1.1-swahili/../../outside")
    outside.size = 5
    served[URL] = archive_of(folder, "mrtydi-v1.1-swahili", [outside])
    with pytest.raises(MissingError, match=r"'mrtydi-v1.1-swahili/../../outside' leads out of its folder"):
        opened(task, None, "sw", cache, offline=False)
    served[URL] = archive_of(folder, "mrtydi-v1.0-swahili", [])
    with pytest.raises(MissingError, match=r"no mrtydi-v1.1-swahili/collection/docs.jsonl.gz in it"):
        opened(task, None, "sw", cache, offline=False)
    served[URL] = archive_of(folder, "mrtydi-v1.1-swahili", [])[:-200]
    with pytest.raises(MissingError, match="the archive is truncated or damaged"):
        opened(task, None, "sw", cache, offline=False)
    assert not list(cache.rglob("*.tar.gz"))
    assert not list(cache.rglob("*.part"))


DAMAGE = {
    "no contents": (
        "collection/docs.jsonl.gz",
        '{"id": "1#0"}\n',
        r"docs\.jsonl\.gz:1: expected a text under 'contents'",
    ),
    "an extra column": (
        "topic.test.tsv",
        "2601\tmwezi\t\n",
        r"topic\.test\.tsv:1: expected two columns \(id, query\), found 3",
    ),
    "other labels": ("qrels.test.txt", "2601\tQ0\t0#0\t0\n", r"query '2601', document '0#0': expected 1, found 0"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files(task: Task, tmp_path: Path, case: str) -> None:
    folder = tmp_path / "mrtydi/mrtydi-v1.1-swahili"
    write_small(folder)
    name, text, message = DAMAGE[case]
    write(folder / name, text)
    source = opened(task, tmp_path, "sw", tmp_path / "cache")
    with pytest.raises(MissingError, match=message):
        (list(source.passages()), source.queries(), source.qrels())


def test_half_a_collection(task: Task, tmp_path: Path) -> None:
    folder = tmp_path / "mrtydi/mrtydi-v1.1-swahili"
    write_small(folder)
    path = folder / "collection/docs.jsonl.gz"
    path.write_bytes(gzip.compress(b"")[:-4])
    with pytest.raises(MissingError, match="the gzip file is truncated or damaged"):
        list(opened(task, tmp_path, "sw", tmp_path / "cache").passages())


def test_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mrtydi has ar, bn, en, fi, id, ja, ko, ru, sw, te, th"):
        bench.run(model="bm25", task="mrtydi", languages=["fr"], data=tmp_path, cache=tmp_path, offline=True)
