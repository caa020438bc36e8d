"""`mteb:NAME` before any data: names, languages, what runs here and what the cards say, against mteb's own metadata."""

from __future__ import annotations

import importlib
import json
from typing import Any

import console
import pytest

from bench.entry import task_folder
from bench.errors import InputError
from bench.loaders.mteb.catalogue import main_measure, offers
from bench.loaders.mteb.languages import _SHORT, bcp47, sides
from bench.registry import Registry

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture(scope="module")
def library() -> Any:
    """mteb, once: its import takes seconds."""
    return importlib.import_module("mteb")


@pytest.mark.usefixtures("library")
def test_two_letter_codes_are_those_of_the_iso_table_that_mteb_ships() -> None:
    table = importlib.import_module("mteb.languages.iso_mappings")._get_iso1_to_iso3()
    first = {}
    for long, short in _SHORT.items():
        first.setdefault(short, long)
    assert len(first) > 130
    assert {short: table.get(short) for short in first} == first


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        *(("eng-Latn", "en"), ("swh-Latn", "sw"), ("arb-Arab", "ar"), ("arb-Latn", "ar-Latn"), ("cmn-Hans", "zh")),
        *(("zho-Hant", "zh-Hant"), ("kor-Hang", "ko"), ("kor-Kore", "ko"), ("jpn-Hira", "ja"), ("acm-Arab", "acm")),
        *(("bho-Deva", "bho"), ("srp-Cyrl", "sr"), ("pan-Guru", "pa"), ("fuv-Latn", "ff"), ("python-Code", "zxx")),
    ],
)
def test_codes(code: str, tag: str) -> None:
    assert bcp47(code) == tag


@pytest.mark.parametrize(
    ("task", "codes", "query", "document"),
    [
        # mlqa, context zh, question ar: 161 texts of 239 characters are the documents, 188 of 44 the questions.
        ("MLQARetrieval", ["zho-Hans", "ara-Arab"], "ar", "zh"),
        ("XPQARetrieval", ["eng-Latn", "cmn-Hans"], "zh", "en"),
        ("BelebeleRetrieval", ["eng-Latn", "acm-Arab"], "acm", "en"),
        ("CUREv1", ["spa-Latn", "eng-Latn"], "es", "en"),
        ("AppsRetrieval", ["eng-Latn", "python-Code"], "en", "zxx"),
        ("MKQARetrieval", ["nor-Latn", "nno-Latn", "nob-Latn"], "no", "no"),
        ("FreshStackRetrieval", ["eng-Latn", "python-Code", "go-Code", "deu-Latn"], "mul", "mul"),
    ],
)
def test_sides(task: str, codes: list[str], query: str, document: str) -> None:
    assert sides(task, codes) == (query, document)


@pytest.mark.parametrize(
    ("task", "subset", "chinese"), [("MLQARetrieval", "zho-eng", "zho-zho"), ("XPQARetrieval", "cmn-eng", "cmn-cmn")]
)
def test_documents_are_named_first_by_mteb_s_own_statistics(library: Any, task: str, subset: str, chinese: str) -> None:
    """Chinese takes far fewer characters than English: where the second name is English, the queries are."""
    stats = getattr(library.tasks, task).metadata.descriptive_stats["test"]["hf_subset_descriptive_stats"]
    documents, queries = (
        stats[chinese][f"{side}_text_statistics"]["average_text_length"]
        / stats[subset][f"{side}_text_statistics"]["average_text_length"]
        for side in ("documents", "queries")
    )
    assert queries < 0.5 < 0.7 < documents < 1.4
    row = Registry().task(f"mteb:{task}").languages[subset]
    assert (row.query, row.document) == ("en", "zh")


@pytest.mark.parametrize(
    ("score", "measure"),
    [
        *(("ndcg_at_10", "nDCG@10"), ("map_at_1000", "AP@1000"), ("recall_at_100", "R@100"), ("mrr_at_5", "MRR@5")),
        *(("precision_at_1", "P@1"), ("hit_rate_at_5", "Success@5"), ("accuracy", "R@1")),
        *(("p-MRR", None), ("robustness_at_10", None), ("max_over_subqueries_map_at_1000", None)),
    ],
)
def test_main_measures(score: str, measure: str | None) -> None:
    assert main_measure(score) == measure


@pytest.mark.usefixtures("library")
def test_what_runs_and_why_the_rest_does_not() -> None:
    found = {offer.name: offer for offer in offers()}
    assert sum(offer.reason is None for offer in found.values()) >= 450
    assert found["MIRACLRetrieval"].reason is None
    assert found["MIRACLRetrieval"].group == "in several languages"
    assert found["BelebeleRetrieval"].group == "across languages"
    assert found["CosQA"].group == "with program code"
    assert found["InstructIR"].reason is None  # robustness_at_10 is computed by mteb's own code, from run and qrels.
    reasons = {
        name: str(found[name].reason) for name in ("NevIR", "MSCOCOT2IRetrieval", "CQADupstackRetrieval", "STS12")
    }
    assert "candidates" in reasons["NevIR"]
    assert "not text" in reasons["MSCOCOT2IRetrieval"]
    assert "mean of other tasks" in reasons["CQADupstackRetrieval"]
    assert reasons["STS12"] == "is not retrieval"


def test_every_task_that_runs_has_a_card(library: Any) -> None:
    """A tenth of them; what the card says is mteb's metadata."""
    here = [offer.name for offer in offers() if offer.reason is None]
    for name in [*here[::10], "ArguAna", "NFCorpus"]:
        card, cls = Registry().task(f"mteb:{name}"), vars(library.tasks)[_class_of(library, name)]
        assert card.drop_query_id == cls.ignore_identical_ids
        assert list(card.languages) == cls.metadata.hf_subsets
        assert set(card.all_splits) == set(cls.metadata.eval_splits)
        assert card.source.revision == cls.metadata.dataset["revision"]
        assert {"nDCG@10", "R@100"} <= set(card.measures)
        assert (card.document_text, card.loader) == ("title and text", "mteb")
    assert Registry().task("mteb:ArguAna").drop_query_id
    assert not Registry().task("mteb:NFCorpus").drop_query_id


def _class_of(library: Any, name: str) -> str:
    return next(
        key
        for key, cls in vars(library.tasks).items()
        if isinstance(cls, type) and getattr(getattr(cls, "metadata", None), "name", None) == name
    )


@pytest.mark.usefixtures("library")
def test_a_card_says_what_mteb_says() -> None:
    card = Registry().task("mteb:MIRACLRetrieval")
    assert card.split == "dev"
    assert card.instruction == "Given a question, retrieve Wikipedia passages that answer the question"
    assert str(card.instruction_source).startswith("mteb 2")
    assert card.languages["sw"].documents == 131_924  # As published.
    assert card.languages["sw"].queries == 482
    assert card.pins["documents"].strength == "soft"
    assert "miracl" in card.citation.lower()
    assert card.licences.texts == "CC-BY-SA-4.0"


@pytest.mark.usefixtures("library")
def test_reductions_keep_names_of_their_own() -> None:
    registry = Registry()
    names = ["miracl", "mteb:MIRACLRetrieval", "mteb:MIRACLRetrievalHardNegatives"]
    cards = [registry.task(name) for name in names]
    assert [card.name for card in cards] == names
    assert len({card.source for card in cards}) == 3
    folders = [task_folder(name) for name in names]
    assert folders == ["miracl", "mteb-miraclretrieval", "mteb-miraclretrievalhardnegatives"]
    assert cards[2].languages["ar"].documents == 192_103 != cards[1].languages["ar"].documents == 2_061_414
    assert "not comparable" in cards[2].warnings[0]
    for name in ("MIRACLRetrievalHardNegatives", "miraclretrievalhardnegatives", "miracl-hard-negatives"):
        with pytest.raises(InputError, match="unknown task"):
            registry.task(name)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NFCorpuss", "unknown task 'mteb:NFCorpuss': did you mean 'mteb:NFCorpus'"),
        ("nfcorpus", "did you mean 'mteb:NFCorpus'? (bench tasks list --mteb)"),
        ("NevIR", "mteb:NevIR does not run here: it ranks a given list of candidates for each query, not a corpus"),
        ("CQADupstackRetrieval", "which run by themselves: mteb:CQADupstackAndroidRetrieval, mteb:"),
    ],
)
def test_names_that_do_not_run(capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    outcome = console.call(capsys, "tasks", "show", f"mteb:{name}")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


@pytest.mark.usefixtures("library")
def test_listing(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = console.call(capsys, "tasks", "list", "--mteb", "--json")
    listed = json.loads(outcome.out)
    assert outcome.code == 0
    assert {row["name"]: row["supported"] for row in listed}["mteb:MIRACLRetrieval"] is True
    assert all(bool(row["reason"]) != row["supported"] for row in listed)
    table = console.rows(console.call(capsys, "tasks", "list", "--mteb").out)
    here = sum(int(row[1].replace(",", "")) for row in table if row[2:3] == ["yes"])
    there = sum(int(row[1].replace(",", "")) for row in table if row[2:3] == ["no"])
    assert (here, here + there) == (sum(row["supported"] for row in listed), len(listed))
    assert ["Reranking", "no", "ranks a given list of candidates for each query, not a corpus"] in [
        [kind, *rest] for kind, _, *rest in (row for row in table if len(row) == 4)
    ]


@pytest.mark.usefixtures("library")
def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = console.call(capsys, "tasks", "show", "mteb:ArguAna", "--json")
    shown = json.loads(outcome.out)
    assert (outcome.code, shown["name"], shown["drop_query_id"]) == (0, "mteb:ArguAna", True)
    assert shown["languages"]["default"]["query"] == "en"
