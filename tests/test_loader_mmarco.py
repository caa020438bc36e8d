"""mMARCO and MS MARCO: the filter to dev/small, stray characters, the codes of Dutch, and rank 11."""

from __future__ import annotations

import io
import math
import tarfile
from pathlib import Path
from typing import Any

import pytest
from originals import Known, write, write_rows

import bench
from bench.collection import Passage, Query, Source
from bench.errors import InputError, MissingError
from bench.loaders import open_source
from bench.places import Places
from bench.registry import Registry
from bench.task import Task

pytestmark = pytest.mark.usefixtures("offline")

LANGUAGES = {
    "ar": "arabic", "de": "german", "es": "spanish", "fr": "french", "hi": "hindi", "id": "indonesian", "it": "italian",
    "ja": "japanese", "nl": "dutch", "pt": "portuguese", "ru": "russian", "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip
PASSAGES = [(0, "Erster Text"), (1, "Der Mond ist hell"), (2, "Die Sonne scheint"), (3, "Sterne am Himmel")]
QUERIES = [(300, "heller Mond"), (100, "Sonne scheint"), (200, "Sterne Himmel")]


@pytest.fixture
def mmarco() -> Task:
    return Registry().task("mmarco")


def opened(task: Task, data: Path, language: str, split: str = "dev") -> Source:
    return open_source(task, language, split, Places(data, data / "cache", offline=True))


def write_small(data: Path, name: str = "german") -> None:
    """Three dev queries, of which dev/small judges the last two, in another order than the file of queries."""
    write_rows(data / f"mmarco/v2/{name}_collection.tsv", PASSAGES)
    write_rows(data / f"mmarco/v2/{name}.queries.dev.tsv", QUERIES)
    write_rows(data / "mmarco/qrels.dev.small.tsv", [(200, 0, 3, 1), (100, 0, 2, 1)])
    write_rows(data / "mmarco/qrels.dev.tsv", [(300, 0, 1, 1), (200, 0, 3, 1), (100, 0, 2, 1)])


def run(data: Path, model: Any = "bm25", task: str = "mmarco", **options: Any) -> dict[str, Any]:
    options = {"data": data, "cache": data / "cache", "offline": True, "allow_unpinned": True} | options
    return bench.run(model=model, task=task, **options)


def test_cards_have_the_published_counts(mmarco: Task) -> None:
    assert list(mmarco.languages) == list(LANGUAGES)
    for row in (*mmarco.languages.values(), Registry().task("msmarco").languages["en"]):
        full = row.splits["dev-full"]
        assert (row.documents, row.queries, row.judgments, row.positives) == (8_841_823, 6_980, 7_437, 7_437)
        assert (full.queries, full.judgments) == (101_093, 59_273)
    german = mmarco.languages["de"].files
    assert german == {
        "mmarco/v2/german_collection.tsv": "md5:dfedd22fef7e7e44966994e06cd7ec57",
        "mmarco/v2/german.queries.dev.tsv": "md5:b420bdc83096caa07bd06667658d08c7",
        "mmarco/qrels.dev.small.tsv": "md5:38a80559a561707ac2ec0f150ecd1e8a",
    }


def test_dev_is_the_judged_queries_in_the_order_of_their_file(mmarco: Task, tmp_path: Path) -> None:
    write_small(tmp_path)
    source = opened(mmarco, tmp_path, "de")
    assert source.queries() == [Query("100", "Sonne scheint"), Query("200", "Sterne Himmel")]
    assert source.qrels() == {"200": {"3": 1}, "100": {"2": 1}}
    assert list(source.passages()) == [Passage(str(i), "", text) for i, text in PASSAGES]
    full = opened(mmarco, tmp_path, "de", "dev-full")
    assert [query.id for query in full.queries()] == ["300", "100", "200"]
    assert full.qrels() == {"300": {"1": 1}, "200": {"3": 1}, "100": {"2": 1}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_files(mmarco: Task, tmp_path: Path, language: str) -> None:
    write_small(tmp_path, LANGUAGES[language])
    assert len(opened(mmarco, tmp_path, language).queries()) == 2


@pytest.mark.parametrize("code", ["nl", "dt"])
def test_dutch_by_either_code(tmp_path: Path, code: str) -> None:
    write_small(tmp_path, "dutch")
    result = run(tmp_path, languages=[code])
    assert list(result["languages"]) == ["nl"]


def test_small_files_run_end_to_end(tmp_path: Path) -> None:
    write_small(tmp_path)
    result = run(tmp_path, languages=["de"])
    block = result["languages"]["de"]
    measures = ["MRR@10", "R@1000", "nDCG@10", "R@100"]
    assert result["measures"] == measures
    assert [block[measure] for measure in measures] == [1.0] * 4
    assert (block["queries"], block["documents"], block["judged"], result["k"]) == (2, 4, 2, 1000)
    full = run(tmp_path, languages=["de"], split="dev-full")
    assert (full["task"], full["languages"]["de"]["queries"]) == ("mmarco@dev-full", 3)


def test_rank_10_counts_and_rank_11_does_not(tmp_path: Path) -> None:
    write_small(tmp_path)
    write_rows(tmp_path / "mmarco/v2/german_collection.tsv", [(i, f"Text {i}") for i in range(20)])
    others = [str(i) for i in range(4, 20)]
    answers = {"100": [*others[:9], "2", *others[9:]], "200": [*others[:10], "3", *others[10:]]}
    block = run(tmp_path, Known(answers), languages=["de"])["languages"]["de"]
    assert block["MRR@10"] == pytest.approx((1 / 10 + 0) / 2, abs=1e-12)
    assert block["nDCG@10"] == pytest.approx((1 / math.log2(11) + 0) / 2, abs=1e-12)
    assert block["R@1000"] == 1.0


def test_stray_carriage_returns_and_tabs_never_stop_a_run(mmarco: Task, tmp_path: Path) -> None:
    write_small(tmp_path)
    collection = "0\tein\rWagen\tmit Tab\n1\tWindows\r\n\n2\t\r\n3\tSterne\u2028am\x85Himmel\n"
    write(tmp_path / "mmarco/v2/german_collection.tsv", collection)
    write(tmp_path / "mmarco/v2/german.queries.dev.tsv", "100\tSonne\r\tscheint\n200\tSterne Himmel\r\n")
    source = opened(mmarco, tmp_path, "de")
    assert list(source.passages()) == [
        Passage("0", "", "ein\rWagen\tmit Tab"),
        Passage("1", "", "Windows"),
        Passage("2", "", ""),
        Passage("3", "", "Sterne\u2028am\x85Himmel"),
    ]
    assert source.queries() == [Query("100", "Sonne\r\tscheint"), Query("200", "Sterne Himmel")]
    block = run(tmp_path, languages=["de"])["languages"]["de"]
    assert (block["documents"], block["queries"]) == (4, 2)


DAMAGE = {
    "no tab": (
        "v2/german_collection.tsv",
        "0\tText\nmehr davon\n",
        r"german_collection\.tsv:2: expected an id, a tab and a text, found 'mehr davon'",
    ),
    "no number": (
        "v2/german_collection.tsv",
        "0\tText\nmehr\tdavon\n",
        r"german_collection\.tsv:2: expected a passage's number, found 'mehr'",
    ),
    "not UTF-8": ("v2/german_collection.tsv", b"0\tText\n1\t\xe4\n", r"german_collection\.tsv:2: not UTF-8 text"),
    "a number twice": ("v2/german_collection.tsv", "0\tText\n0\tText\n", r"'0' .*twice"),
    "a judged query lacks": (
        "v2/german.queries.dev.tsv",
        "100\tSonne\n",
        r"the qrels judge 1 queries that are not there, the first '200'",
    ),
    "graded": (
        "qrels.dev.small.tsv",
        "100\t0\t2\t3\n",
        r"qrels\.dev\.small\.tsv:1: query '100', document '2': expected 1, found 3",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files(tmp_path: Path, case: str) -> None:
    write_small(tmp_path)
    name, content, message = DAMAGE[case]
    path = tmp_path / "mmarco" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MissingError, match=message):
        run(tmp_path, languages=["de"])


def test_missing_and_unknown_languages(tmp_path: Path) -> None:
    write_small(tmp_path)
    result = run(tmp_path)
    assert (result["partial"], result["missing"]) == ("1/13", [code for code in LANGUAGES if code != "de"])
    with pytest.raises(InputError, match=f"unknown language 'en'.*mmarco has {', '.join(LANGUAGES)}"):
        run(tmp_path, languages=["en"])


def write_english(folder: Path) -> None:
    write_rows(folder / "collection.tsv", PASSAGES)
    write_rows(folder / "queries.dev.small.tsv", QUERIES[1:])
    write_rows(folder / "qrels.dev.small.tsv", [(200, 0, 3, 1), (100, 0, 2, 1)])


def test_english_from_a_folder(tmp_path: Path) -> None:
    write_english(tmp_path / "msmarco")
    block = run(tmp_path, task="msmarco")["languages"]["en"]
    assert (block["MRR@10"], block["queries"], block["documents"]) == (1.0, 2, 4)


def test_english_from_the_archive_in_the_home_of_ir_datasets(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as error:
        run(tmp_path, task="msmarco")
    assert str(error.value) == (
        f"msmarco, en: no msmarco/qrels.dev.small.tsv (plain or .gz) under {tmp_path}, and no msmarco-passage/"
        f"collectionandqueries.tar.gz in {tmp_path / 'irds'}; --offline forbids to fetch it "
        f"(bench tasks fetch msmarco --lang en --data {tmp_path})"
    )
    write_english(tmp_path / "published")
    home = tmp_path / "irds/msmarco-passage"
    home.mkdir(parents=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tmp_path / "published", arcname=".")
    (home / "collectionandqueries.tar.gz").write_bytes(packed.getvalue())
    write_rows(home / "collection.tsv", [(0, "a copy whose texts ir_datasets has mended")])
    source = opened(Registry().task("msmarco"), tmp_path, "en")
    assert [passage.text for passage in source.passages()] == [text for _, text in PASSAGES]
    assert run(tmp_path, task="msmarco")["languages"]["en"]["MRR@10"] == 1.0
