"""`bench score`: trec_eval's own expected output, and what a user sees when something is wrong."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from console import call

from bench.formats.trec import read_qrels, read_run

# trec_eval's name, its parameter parted off -> ours.
OURS = {
    "map": "AP",
    "map_cut": "AP",
    "ndcg_cut": "nDCG",
    "recall": "R",
    "P": "P",
    "success": "Success",
    "recip_rank": "RR",
    "Rprec": "Rprec",
    "bpref": "bpref",
}
# Expected file -> qrels, run, options, how many of its values we offer a measure for.
CASES = {
    "out.test": ("qrels.test", "results.test", ["--only-retrieved"], 13),
    "out.test with comments": ("qrels.test.with-comments", "results.test", ["--only-retrieved"], 13),
    "out.comment.test": ("qrels.comment.test", "results.comment.test", ["--only-retrieved"], 13),
    "out.test.a": ("qrels.test", "results.test", ["--only-retrieved"], 43),
    "out.test.aq": ("qrels.test", "results.test", ["--only-retrieved"], 4 * 43),
    "out.test.aqc": ("qrels.test", "results.trunc", [], 4 * 43),
    "out.test.aqcM": ("qrels.test", "results.trunc", ["--depth", "100"], 4 * 43),
    "out.test.aql": ("qrels.rel_level", "results.test", ["--only-retrieved", "--rel-level", "2"], 4 * 43),
    "out.test.meas_params": ("qrels.test", "results.test", ["--only-retrieved"], 4 * 11),
}


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Any:
    return partial(call, capsys)


@pytest.fixture(scope="session")
def trec_eval(test_data: Path) -> Path:
    folder = test_data / "trec_eval"
    if not folder.is_dir():
        pytest.skip(f"trec_eval's test files are not in {folder}")
    return folder


def our_name(printed: str) -> str | None:
    base, _, cutoff = printed.rpartition("_") if re.search(r"_[0-9]+$", printed) else (printed, "", "")
    if base not in OURS:
        return None
    return f"{OURS[base]}@{cutoff}" if cutoff else OURS[base]


def printed(path: Path) -> dict[tuple[str, str], str]:
    """(our name, query or all) -> the printed value, of every line whose measure we offer."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    named = [(our_name(row[0]), row[1], row[2]) for row in rows if len(row) == 3]
    return {(name, query): value for name, query, value in named if name is not None}


@pytest.mark.parametrize("case", CASES)
def test_trec_evals_expected_output(trec_eval: Path, bench: Any, case: str) -> None:
    qrels, run, options, count = CASES[case]
    wanted = printed(trec_eval / case.split(maxsplit=1)[0])
    assert len(wanted) == count
    names = ",".join(dict.fromkeys(name for name, _ in wanted))
    files = ["--run", trec_eval / run, "--qrels", trec_eval / qrels]
    outcome = bench("score", *files, "--measures", names, "--per-query", "--json", *options)
    assert outcome.code == 0
    result = json.loads(outcome.out)
    found = {"all": result["mean"], **result["per_query"]}
    assert {key: f"{found[key[1]][key[0]]:.4f}" for key in wanted} == wanted
    queries = {query for _, query in wanted} - {"all"}
    assert not queries or queries == set(result["per_query"])


def test_mrr_at_100_is_trec_evals_reciprocal_rank_with_depth_100(trec_eval: Path, bench: Any) -> None:
    wanted = {q: v for (name, q), v in printed(trec_eval / "out.test.aqcM").items() if name == "RR"}
    files = ["--run", trec_eval / "results.trunc", "--qrels", trec_eval / "qrels.test"]
    result = json.loads(bench("score", *files, "--measures", "MRR@100", "--per-query", "--json").out)
    found = {"all": result["mean"], **result["per_query"]}
    assert {q: f"{values['MRR@100']:.4f}" for q, values in found.items()} == wanted


@pytest.mark.parametrize("qrels", ["qrels.test", "qrels.rel_level"])
def test_judged_and_mrr_by_counting(trec_eval: Path, bench: Any, qrels: str) -> None:
    labels, run = read_qrels(trec_eval / qrels), read_run(trec_eval / "results.trunc")
    names = [f"{base}@{k}" for base in ("Judged", "MRR") for k in (1, 3, 5, 10, 20, 100, 400, 1000)]
    files = ["--run", trec_eval / "results.trunc", "--qrels", trec_eval / qrels]
    result = json.loads(bench("score", *files, "--measures", ",".join(names), "--per-query", "--json").out)
    for query in labels:
        docs = run[query].docs if query in run else []
        for name in names:
            top = docs[: int(name.split("@")[1])]
            if name.startswith("Judged"):
                wanted = len([d for d in top if d in labels[query]]) / len(top) if top else 0.0
            else:
                wanted = next((1 / i for i, d in enumerate(top, 1) if labels[query].get(d, 0) > 0), 0.0)
            assert result["per_query"][query][name] == wanted, (query, name)


def test_judged_is_what_trec_eval_10_does_not_call_unjudged(trec_eval: Path, bench: Any) -> None:
    rows = [line.split() for line in (trec_eval / "out.test.aq").read_text(encoding="utf-8").splitlines()]
    wanted = {(q, int(name[4:])): 1 - float(value) for name, q, value in rows if re.fullmatch(r"unj_\d+", name)}
    assert len(wanted) == 12
    files = ["--run", trec_eval / "results.test", "--qrels", trec_eval / "qrels.test"]
    result = json.loads(
        bench("score", *files, "--measures", "Judged@5,Judged@10,Judged@20", "--per-query", "--json").out
    )
    found = {"all": result["mean"], **result["per_query"]}
    assert {(q, k): found[q][f"Judged@{k}"] for q, k in wanted} == pytest.approx(wanted, abs=6e-5)


QRELS = "1 0 a 1\n1 0 b 0\n2 0 a 1\n"
RUN = "1 Q0 b 1 3 t\n1 Q0 a 2 2 t\n9 Q0 a 1 1 t\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "run").write_text(RUN)
    (tmp_path / "qrels").write_text(QRELS)
    return tmp_path / "run", tmp_path / "qrels"


def test_the_table_and_the_remarks(bench: Any, files: tuple[Path, Path]) -> None:
    arguments = ["score", "--run", files[0], "--qrels", files[1], "--measures", "RR", "--measures", "nDCG@10,P@2"]
    missing = "warning: 1 of 2 queries of the qrels have no result in the run: each counts 0\n"
    ignored = "1 of 2 queries of the run are not in the qrels: ignored\n"
    means = "measure  mean of 2 queries\nRR                  0.2500\nnDCG@10             0.3155\nP@2                 0.2500\n"
    table = "query      RR  nDCG@10     P@2\n1      0.5000   0.6309  0.5000\n2      0.0000   0.0000  0.0000\n"
    assert bench(*arguments) == (0, means, missing + ignored)
    assert bench(*arguments, "--quiet") == (0, means, missing)
    assert bench(*arguments, "--per-query").out == table + "all    0.2500   0.3155  0.2500\n"
    left_out = "1 of 2 queries of the qrels have no result in the run: left out\n"
    assert bench(*arguments, "--only-retrieved", "--measures", "AP") == (
        0,
        "measure  mean of 1 query\nRR                0.5000\nnDCG@10           0.6309\nP@2               0.5000\nAP                0.5000\n",
        left_out + ignored,
    )


def test_json_is_strict_alone_on_stdout_and_unrounded(bench: Any, files: tuple[Path, Path]) -> None:
    arguments = ["score", "--run", files[0], "--qrels", files[1], "--measures", "RR,nDCG@10", "--json"]
    result = json.loads(bench(*arguments).out)
    assert result == {
        "format": 1,
        "run": "run",
        "qrels": "qrels",
        "only_retrieved": False,
        "rel_level": 1,
        "depth": None,
        "measures": ["RR", "nDCG@10"],
        "queries": 2,
        "missing": ["2"],
        "ignored": 1,
        "mean": {"RR": 0.25, "nDCG@10": pytest.approx(0.31546487678572877, abs=1e-15)},
    }
    per_query = json.loads(bench(*arguments, "--per-query").out)["per_query"]
    assert per_query == {"1": {"RR": 0.5, "nDCG@10": pytest.approx(0.6309297535714575)}, "2": {"RR": 0, "nDCG@10": 0}}


def test_the_default_measures(bench: Any, files: tuple[Path, Path]) -> None:
    result = json.loads(bench("score", "--run", files[0], "--qrels", files[1], "--json").out)
    assert result["measures"] == ["nDCG@10", "R@100", "AP", "RR"]


def test_the_list_needs_no_files(bench: Any) -> None:
    outcome = bench("score", "--list")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith("nDCG@k     normalised discounted cumulative gain")
    listed = json.loads(bench("score", "--list", "--json").out)
    assert [row["measure"] for row in listed] == [line.split()[0] for line in outcome.out.splitlines()]


@pytest.mark.parametrize(
    ("run", "qrels", "code", "message"),
    [
        ("1 Q0 a 1 2\n", QRELS, 2, "{run}:1: expected 6 fields (query Q0 document rank score tag), found 5"),
        ("1 Q0 a 1 nan t\n", QRELS, 2, "{run}:1: the score must be a finite 32-bit number, found 'nan'"),
        (RUN + "1 Q0 a 3 1 t\n", QRELS, 2, "{run}:4: document 'a' occurs twice under query '1'"),
        (RUN.encode() + b"1 Q0 \xff 3 1 t\n", QRELS, 2, "{run}:4: not UTF-8 text: invalid start byte"),
        (None, QRELS, 3, "{run}: cannot read: No such file or directory"),
        (RUN, None, 3, "{qrels}: cannot read: No such file or directory"),
        (RUN, "", 2, "{qrels}: no judgments in it"),
        (RUN, "1 0 a one\n", 2, "{qrels}:1: the label must be a whole number, found 'one'"),
        (RUN, "1 0 a 1 0\n", 2, "{qrels}:1: expected 4 fields (query iteration document label), found 5"),
        (
            RUN,
            "1 0 a 2000000000\n",
            2,
            "query '1', document 'a': the label must lie between -1000000 and 1000000, found 2000000000",
        ),
        (
            gzip.compress(RUN.encode() * 50, mtime=0)[:-12],
            QRELS,
            3,
            "{run}: the gzip file is truncated or damaged: Compressed file ended before the end-of-stream marker was"
            " reached; get it again",
        ),
    ],
)
def test_bad_input_is_one_line_and_a_code(
    bench: Any, tmp_path: Path, run: str | bytes | None, qrels: str | None, code: int, message: str
) -> None:
    paths = {"run": tmp_path / "run", "qrels": tmp_path / "qrels"}
    for path, content in zip(paths.values(), (run, qrels), strict=True):
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    outcome = bench("score", "--run", paths["run"], "--qrels", paths["qrels"])
    assert outcome == (code, "", f"bench: {message.format(**paths)}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--measures", "ndgc@10"],
            "bench: unknown measure 'ndgc@10': did you mean 'nDCG@10' or 'Judged@10'? (bench score --list)",
        ),
        (["--measures", ","], "bench: no measure in ',' (bench score --list prints all)"),
        (["--depth", "0"], "Error: Invalid value for '--depth': 0 is not in the range x>=1."),
        (["--rel-level", "0"], "Error: Invalid value for '--rel-level': 0 is not in the range x>=1."),
    ],
)
def test_wrong_options_are_refused(bench: Any, files: tuple[Path, Path], arguments: list[str], message: str) -> None:
    outcome = bench("score", "--run", files[0], "--qrels", files[1], *arguments)
    assert (outcome.code, outcome.out, outcome.err.splitlines()[-1]) == (2, "", message)


def test_files_are_asked_for(bench: Any) -> None:
    outcome = bench("score", "--run", "x")
    assert outcome.code == 2
    assert (
        outcome.err.splitlines()[-1]
        == "Error: needs --run FILE and --qrels FILE (or --list, which prints the measures)"
    )


def test_files_that_do_not_belong_together_score_zero_loudly(
    bench: Any, files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("8 0 a 1\n")
    arguments = ["score", "--run", files[0], "--qrels", other, "--measures", "RR", "--quiet"]
    nothing = f"no query of {files[0]} is in {other}"
    outcome = bench(*arguments)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1].split() == ["RR", "0.0000"]
    assert outcome.err == f"warning: {nothing}: every value is 0; do the two files belong together?\n"
    assert bench(*arguments, "--only-retrieved") == (
        2,
        "",
        f"bench: {nothing}: --only-retrieved leaves nothing to average\n",
    )
    files[0].write_text("")
    assert bench(*arguments).err == "warning: the run is empty: every value is 0; do the two files belong together?\n"


def test_the_command_from_outside(files: tuple[Path, Path]) -> None:
    command = [
        sys.executable,
        "-m",
        "bench",
        "score",
        "--run",
        str(files[0]),
        "--qrels",
        "/dev/stdin",
        "--measures",
        "RR",
    ]
    done = subprocess.run(command, input=QRELS, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "measure  mean of 2 queries\nRR                  0.2500\n")
    done = subprocess.run([*command, "--measures", "nope"], input=QRELS, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bench: unknown measure 'nope': no name is near it; (bench score --list)\n"


def test_a_reader_that_goes_away_is_no_failure(files: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "bench", "score", "--run", files[0], "--qrels", files[1], "--quiet", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait() == 0
    assert said == "warning: 1 of 2 queries of the qrels have no result in the run: each counts 0\n"
