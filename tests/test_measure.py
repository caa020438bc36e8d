"""Names of measures: what is typed is what is printed, and what cannot be typed is explained."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.measure import Measure, catalogue, deepest_cut, parse_measures

TREC_NAMES = {
    "nDCG@10": "ndcg_cut.10",
    "AP": "map",
    "AP@100": "map_cut.100",
    "R@100": "recall.100",
    "P@5": "P.5",
    "RR": "recip_rank",
    "MRR@10": "recip_rank",
    "Success@1": "success.1",
    "Rprec": "Rprec",
    "bpref": "bpref",
    "Judged@10": None,
    "R@2kt": None,
    "R@5kt": None,
}


@pytest.mark.parametrize("name", TREC_NAMES)
def test_a_measure_prints_as_it_is_typed(name: str) -> None:
    measure = Measure.parse(f" {name} ")
    assert str(measure) == name
    assert measure.trec_name == TREC_NAMES[name]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ndcg@10", "unknown measure 'ndcg@10': did you mean 'nDCG@10'? (bench score --list)"),
        ("ndgc@10", "unknown measure 'ndgc@10': did you mean 'nDCG@10' or 'Judged@10'? (bench score --list)"),
        ("Recall@100", "unknown measure 'Recall@100': did you mean 'R@100' or 'AP@100'? (bench score --list)"),
        ("ap", "unknown measure 'ap': did you mean 'AP'? (bench score --list)"),
        ("ndcg", "unknown measure 'ndcg': did you mean 'nDCG@k'? (bench score --list)"),
        ("speed", "unknown measure 'speed': no name is near it; (bench score --list)"),
        ("nDCG", "measure 'nDCG' needs a cutoff, such as nDCG@10"),
        ("RR@10", "measure 'RR@10' has no cutoff: write RR"),
        ("R@0", "measure 'R@0': the cutoff must be a whole number from 1 to 999999999"),
        ("R@010", "measure 'R@010': the cutoff must be a whole number from 1 to 999999999"),
        ("R@0kt", "measure 'R@0kt': the cutoff must be a whole number from 1 to 999999999"),
        ("P@5kt", "measure 'P@5kt': the cutoff must be a whole number from 1 to 999999999"),
        ("R@", "measure 'R@': the cutoff must be a whole number from 1 to 999999999"),
        ("R@-5", "measure 'R@-5': the cutoff must be a whole number from 1 to 999999999"),
        (
            "P@99999999999999999999",
            "measure 'P@99999999999999999999': the cutoff must be a whole number from 1 to 999999999",
        ),
    ],
)
def test_what_is_no_measure_is_explained(typed: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Measure.parse(typed)
    assert str(caught.value) == message


def test_measures_keep_their_order_and_come_once() -> None:
    measures = parse_measures(["R@100, nDCG@10,", "AP", "R@100"])
    assert [str(m) for m in measures] == ["R@100", "nDCG@10", "AP"]
    assert deepest_cut(measures) == 100
    assert deepest_cut(parse_measures(["AP,RR"])) is None


def test_a_list_without_a_measure_is_refused() -> None:
    with pytest.raises(InputError, match=r"^no measure in ' , ' \(bench score --list prints all\)$"):
        parse_measures([" , "])


def test_the_catalogue_names_every_measure() -> None:
    shown = [name for name, _ in catalogue()]
    assert shown[:-1] == ["nDCG@k", "AP[@k]", "R@k", "P@k", "RR", "MRR@k", "Success@k", "Rprec", "bpref", "Judged@k"]
    assert shown[-1] == "R@nkt"
