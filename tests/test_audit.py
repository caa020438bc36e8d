"""The audit of printed tables: every oddity that is known, few others, and planted ones found again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from console import CHECKOUT, call

from bench.leaderboard.audit import CHECKS, audit
from bench.leaderboard.audit.printed import Finding, Printed, PrintedRow, average_fits
from bench.leaderboard.reported import audited
from bench.leaderboard.reported.figures import reported_rows

BOARD = CHECKOUT / "leaderboards"

# The oddities that are known of the sources, each as (check, table, measure, the row's name begins with).
KNOWN = [
    # Table 12 of the XOR QA paper: the average, and the row that is nearly table 5's under another measure.
    ("average", "Table 12", "R@2kt", "GMT + Path Retriever"),
    ("repeats", "Table 12", "R@2kt", "Human translation + BM25"),
    ("impossible value", "Table 13", "R@5kt", "Our MT query translation + DPR"),
    # BM25 with older analysers.
    ("sources differ", "README.md", "MRR@100", "BM25 (default)"),
    ("sources differ", "README.md", "R@100", "BM25 (default)"),
    ("not first stage", "README.md", "MRR@10", "BM25 + rerank"),
    ("not first stage", "README_old.md", "MRR@10", "BM25 + rerank"),
    # The SWIM-IR paper.
    ("average", "Table 3", "R@5kt", "mbert-xqg"),
    ("repeats", "Table 3", "R@5kt", "mbert-xqg"),
    ("average", "Table 9", "R@2kt", "opus-mt-dpr"),
    ("average", "Table 10", "R@100", "mcontriever-en"),
    ("repeats", "Table 10", "R@100", "mcontriever-en"),
    ("average", "Table 10", "R@100", "mdpr (mBERT)"),
    ("average", "Table 10", "R@100", "hybrid"),
    ("average", "Table 10", "R@100", "mdpr-en"),
    ("average", "Table 5", "MRR@10", "mcontriever-en"),
    ("order", "Table 5", "MRR@10", "mcontriever-en"),
    ("order", "Table 4", "nDCG@10", "swim-x (180K)"),
    ("measures disagree", "Table 10", "R@100", "swim-x (180K)"),
]


def found_in(findings: Sequence[Finding], known: tuple[str, str, str, str]) -> list[Finding]:
    check, table, measure, model = known
    return [
        finding
        for finding in findings
        if finding.check == check
        and any(
            (row.table, row.measure) == (table, measure) and row.model.startswith(model)
            for row in (finding.row, *finding.others)
        )
    ]


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return audited(reported_rows(BOARD))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known[0]}, {known[1]}, {known[3]}")
def test_the_known_oddities_are_found(findings: list[Finding], known: tuple[str, str, str, str]) -> None:
    assert found_in(findings, known)


def test_what_else_is_found(findings: list[Finding]) -> None:
    expected = {id(finding) for known in KNOWN for finding in found_in(findings, known)}
    rest = [finding for finding in findings if id(finding) not in expected]
    assert len(findings) == 36
    assert {(f.check, f.row.table, f.row.model.split(" (")[0]) for f in rest} == {
        # Two averages of Mr. TyDi's README that are not those of their cells, and a third that is table 5's.
        ("average", "README.md", "mDPR"),
        ("average", "README.md", "Hybrid"),
        ("average", "Table 12", "Human translation + BM25"),
        # The cell above, quoted; and R@2kt above R@5kt in the row that repeats table 5.
        ("impossible value", "Table 3", "opus-mt-dpr"),
        ("impossible order", "Table 12", "Human translation + BM25"),
        # Rows that two sources share but for a few languages.
        ("sources differ", "README.md", "mDPR"),
        ("sources differ", "pyserini/2cr/miracl.yaml", "bm25"),
        ("sources differ", "pyserini/2cr/miracl.yaml", "mdpr-tied-pft-msmarco"),
        ("sources differ", "pyserini/2cr/miracl.yaml", "bm25-mdpr-tied-pft-msmarco-hybrid"),
        # A reranker of BM25's first 100 that has not BM25's R@100, and rerankers among retrievers.
        ("measures disagree", "Table 4", "cohere-api"),
        ("not first stage", "Table 4", "cohere-api"),
        ("not first stage", "Table 10", "cohere-api"),
    }


def test_the_reasons_name_what_happened(findings: list[Finding]) -> None:
    def message(*known: str) -> str:
        (finding,) = found_in(findings, known)  # type: ignore[arg-type]
        return finding.message

    assert message("order", "Table 4", "nDCG@10", "swim-x (180K)").endswith("with its cells in the order of the codes")
    assert "moved right by one; the first cell is the printed average" in message(
        "order", "Table 5", "MRR@10", "mcontriever-en"
    )
    assert "the cell bn has its value" in message("average", "Table 12", "R@2kt", "GMT + Path Retriever")
    assert message("impossible value", "Table 13", "R@5kt", "Our MT").endswith("ru 0.378 of 237 questions")
    assert "18 of 18 cells as in SWIM-IR paper, Table 10" in message("repeats", "Table 10", "R@100", "mcontriever-en")


LANGUAGES = ["ar", "bn", "en", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "sw", "te", "th", "zh", "de", "yo"]


def printed(value: float, digits: int = 3) -> Printed:
    return Printed.parse(f"{value:.{digits}f}")


def row_of(model: str, values: Sequence[float], measure: str = "nDCG@10", **heading: str) -> PrintedRow:
    fields = dict.fromkeys(("citation", "url", "data", "system"), "") | {"source": "A paper", "table": "Table 1"}
    fields |= {"model": model, "task": "miracl", "split": "dev", "metric": measure, "measure": measure} | heading
    cells = {language: printed(value) for language, value in zip(LANGUAGES, values, strict=False)}
    return PrintedRow(**fields, cells=cells, average=printed(sum(values) / len(values)))


def clean(seed: int, systems: int = 9) -> list[PrintedRow]:
    """Tables of two measures as a paper would print them: levels, one profile of languages, and noise."""
    generator = random.Random(seed)
    profile = [generator.gauss(0, 0.1) for _ in LANGUAGES]
    rows = []
    for system in range(systems):
        level = generator.uniform(0.35, 0.6)
        ndcg = [min(max(level + p + generator.gauss(0, 0.035), 0.01), 0.85) for p in profile]
        recall = [min(value + 0.25 + generator.gauss(0, 0.02), 0.995) for value in ndcg]
        rows.append(row_of(f"system {system}", ndcg))
        rows.append(row_of(f"system {system}", recall, "R@100", table="Table 2"))
    return rows


def test_clean_tables_have_no_findings() -> None:
    assert [str(f.row) + f.message for seed in range(25) for f in audit(clean(seed))] == []


def with_cells(row: PrintedRow, values: Sequence[Printed], average: Printed | None = None) -> PrintedRow:
    return replace(row, cells=dict(zip(row.cells, values, strict=True)), average=average or row.average)


def off_average(rows: list[PrintedRow]) -> list[PrintedRow]:
    assert rows[4].average is not None
    return [*rows[:4], replace(rows[4], average=printed(rows[4].average.value + 0.003)), *rows[5:]]


def copied(rows: list[PrintedRow]) -> list[PrintedRow]:
    return [*rows[:4], with_cells(rows[4], list(rows[6].cells.values()), rows[6].average), *rows[5:]]


def moved(rows: list[PrintedRow]) -> list[PrintedRow]:
    cells = list(rows[4].cells.values())
    assert rows[4].average is not None
    return [*rows[:4], with_cells(rows[4], [rows[4].average, *cells[:-1]]), *rows[5:]]


def alphabetical(rows: list[PrintedRow]) -> list[PrintedRow]:
    return [*rows[:4], with_cells(rows[4], [rows[4].cells[code] for code in sorted(LANGUAGES)]), *rows[5:]]


def other_measure(rows: list[PrintedRow]) -> list[PrintedRow]:
    return [*rows[:4], with_cells(rows[4], list(rows[5].cells.values())), *rows[5:]]


def out_of_range(rows: list[PrintedRow]) -> list[PrintedRow]:
    return [*rows[:4], with_cells(rows[4], [Printed.parse("1.200"), *list(rows[4].cells.values())[1:]]), *rows[5:]]


def misquoted(rows: list[PrintedRow]) -> list[PrintedRow]:
    cells = list(rows[4].cells.values())
    quoted = with_cells(rows[4], [printed(cells[0].value + 0.05), *(printed(c.value, 2) for c in cells[1:])])
    return [*rows, replace(quoted, source="Another paper", model="its name there", average=None)]


@pytest.mark.parametrize(
    ("plant", "check", "least"),
    [
        (off_average, "average", 12),
        (copied, "repeats", 12),
        (moved, "order", 10),
        (alphabetical, "order", 10),
        (other_measure, "repeats", 12),
        (out_of_range, "out of range", 12),
        (misquoted, "sources differ", 12),
    ],
)
def test_planted_oddities_are_found(
    plant: Callable[[list[PrintedRow]], list[PrintedRow]], check: str, least: int
) -> None:
    hits = 0
    for seed in range(12):
        rows = plant(clean(seed))
        named = {(f.check, row) for f in audit(rows) for row in (f.row, *f.others)}
        hits += (check, rows[4]) in named
    assert hits >= least


def test_an_average_is_believed_if_rounding_can_explain_it() -> None:
    generator = random.Random(1)
    for _ in range(2000):
        values = [generator.random() for _ in range(generator.randint(2, 20))]
        digits, average = generator.choice([2, 3, 4]), sum(values) / len(values)
        row = PrintedRow(*["x"] * 11, cells={str(i): printed(v, digits) for i, v in enumerate(values)}, average=None)
        assert average_fits(row, printed(average, digits))
        assert not average_fits(row, printed(average + 2.1 * 10**-digits, digits))


def test_shares_of_questions_must_be_possible() -> None:
    def counted(task: str, split: str, language: str) -> int:
        return 237

    possible = [row_of("a", [k / 237], "R@5kt") for k in range(238)]
    assert [f for f in audit(possible, counted) if f.check == "impossible value"] == []
    between = [row_of("a", [(k + 0.5) / 237], "R@5kt") for k in range(237)]
    assert len([f for f in audit(between, counted) if f.check == "impossible value"]) == 237
    assert audit([row_of("a", [0.378], "nDCG@10")], counted) == []


def test_a_smaller_cutoff_cannot_have_the_higher_recall() -> None:
    rows = [row_of("a", [0.5, 0.61], "R@10"), row_of("a", [0.5, 0.60], "R@100"), row_of("b", [0.9, 0.9], "R@10")]
    assert [(f.check, f.languages, f.seen, f.limit) for f in audit(rows)] == [("impossible order", ("bn",), 0.61, 0.6)]


def test_quotations_and_equal_measures_are_no_repetition() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    once = row_of("a", values)
    assert audit([once, replace(once, source="Another paper")]) == []
    assert audit([row_of("a", values, "P@1"), row_of("a", values, "MRR@1")]) == []
    assert audit([row_of("a", [1.0] * 6), row_of("b", [1.0] * 6)]) == []
    assert [f.check for f in audit([once, row_of("b", values)])] == ["repeats"]


def test_the_exit_code_follows_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = call(capsys, "board", "audit", "--board", BOARD)
    assert (done.code, "36 findings in 171 printed rows" in done.err) == (0, True)
    assert "SWIM-IR paper, Table 3" in done.out
    strict = call(capsys, "board", "audit", "--strict", "--json", "--board", BOARD)
    found = json.loads(strict.out)
    assert (strict.code, len(found)) == (1, 36)
    assert {f["check"] for f in found} <= set(CHECKS)
    (tmp_path / "reported").mkdir()
    lines = (BOARD / "reported" / "mrtydi-readme.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "reported" / "clean.csv").write_text("\n".join(lines[:13]) + "\n", encoding="utf-8")
    assert call(capsys, "board", "audit", "--strict", "--board", tmp_path).code == 0
