"""Every file that a benchmark needs has an address, and it is the published one."""

from __future__ import annotations

import pytest

from bench.loaders import LISTINGS, needed
from bench.needed import Origin
from bench.registry import Registry

TASKS = [name for name in Registry().task_names() if Registry().task(name).loader in LISTINGS]


@pytest.mark.parametrize("name", TASKS)
def test_every_file_of_every_language_has_an_address(name: str) -> None:
    card = Registry().task(name)
    for split in card.all_splits:
        for subset in card.subsets_of(split):
            files = needed(card, subset, split)
            assert files
            for file in files:
                assert file.origin is not None, (subset, split, file.name)
                assert file.origin.url.startswith("https://")


def test_addresses_of_miracl_are_the_published_ones() -> None:
    card = Registry().task("miracl")
    assert sum(len(needed(card, subset, "dev")) for subset in card.languages) == 222 + 2 * 18  # shards, topics, qrels
    topics, qrels, docs = needed(card, "yo", "dev")
    hub = "https://huggingface.co/datasets"
    assert topics.origin == Origin(
        f"{hub}/macavaney/miracl-noauth/resolve/main/miracl-v1.0-yo/topics/topics.miracl-v1.0-yo-dev.tsv",
        "md5:7820b5fddac56306dfef4863271d3f5c",
    )
    assert qrels.origin and qrels.origin.checksum == "md5:523aeb9fb3c631dee98e267760a46735"
    # Yoruba's only shard is called docs-1 here and docs-0 there, and its published size is wrong.
    assert docs.name == "miracl/v1.0/yo/docs/docs-1.jsonl.gz"
    assert (
        docs.origin
        and docs.origin.url == f"{hub}/miracl/miracl-corpus/resolve/main/miracl-corpus-v1.0-yo/docs-0.jsonl.gz"
    )
    assert docs.origin.size is None
    assert sum(n.origin.size or 0 for n in needed(card, "sw", "dev") if n.origin) == 10_199_394
    assert [n.name for n in needed(card, "sw", "test-b")] == [
        "miracl/v1.0/sw/test-b/topics.tsv",
        "miracl/v1.0/sw/docs/docs-0.jsonl.gz",
    ]


def test_addresses_of_the_others_are_the_published_ones() -> None:
    def urls(task: str, subset: str, split: str | None = None) -> list[str]:
        card = Registry().task(task)
        return list(dict.fromkeys(n.origin.url for n in needed(card, subset, split or card.split) if n.origin))

    mmarco = "https://huggingface.co/datasets/unicamp-dl/mmarco/resolve/main/data"
    assert urls("mmarco", "nl")[1:] == [
        f"{mmarco}/google/queries/dev/dutch_queries.dev.tsv",
        f"{mmarco}/google/collections/dutch_collection.tsv",
    ]
    archives = "https://git.uwaterloo.ca/jimmylin/mr.tydi/-/raw/master/data"
    assert urls("mrtydi", "sw", "train") == [f"{archives}/mrtydi-v1.1-swahili.tar.gz"]
    assert urls("mrtydi-v1.0", "sw") == [f"{archives}/mrtydi-v1.0-swahili.tar.gz"]
    assert urls("xtreme-up", "bho") == ["https://storage.googleapis.com/xtreme-up/xtreme-up-v1.1.jsonl.tgz"]
    xor = "https://nlp.cs.washington.edu/xorqa/XORQA_site/data"
    assert urls("xor-retrieve", "ja") == [
        f"{xor}/xor_dev_retrieve_eng_span_v1_1.jsonl",
        f"{xor}/models/enwiki_20190201_w100.tsv",
    ]
    assert len(urls("msmarco", "en")) == 1
    assert len(urls("msmarco", "en", "dev-full")) == 3
