"""`bench inspect`: a query's ranking with texts and judgments, from what a run has left; no model is loaded."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from bench.cli import options
from bench.cli.output import note, print_json, warn
from bench.errors import InputError, MissingError, unknown

if TYPE_CHECKING:
    from bench.collection import Source
    from bench.inspection import Inspection, Values
    from bench.registry import Registry
    from bench.results import Result
    from bench.task import Task

_WORST = 3
_SHOWN = 300  # Characters of a text; all of it is in --json.


class Seen(NamedTuple):
    """What is shown: queries of one result, and the texts of their top documents, None where they may not be shown."""

    model: str
    task: Task
    split: str
    language: str
    result: Result
    values: Values
    queries: Sequence[Inspection]
    texts: Mapping[str, str] | None
    notes: Sequence[str]


@click.command()
@click.option("--model", required=True, metavar="M", help="Name or expression, as it was run.")
@click.option("--task", required=True, metavar="T", help="Name of a benchmark.")
@click.option("--lang", required=True, metavar="L", help="One of its languages.")
@click.option("--split", metavar="S", help="Another split than the task card's.")
@click.option("--query", "queries", multiple=True, metavar="Q", help="The id of a query; repeatable.")
@click.option("--worst", type=click.IntRange(min=1), metavar="N", help=f"The N worst queries.  [default: {_WORST}]")
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, metavar="N", help="Documents a query.")
@click.option("--no-texts", is_flag=True, help="Leave out documents' texts: a large corpus is read for them.")
@click.option("--id", "hex_", metavar="HEX", help="Which result, where several have one name.")
@click.option("--output", type=options.FOLDER, metavar="DIR", help="Where the run was told to leave its results.")
@options.combined(options.data, options.board, options.cache, options.cards, options.offline, options.quiet)
@options.as_json
def inspect(**given: Any) -> None:
    """Look at queries of a finished run, the worst ones by default: question, judgments, top documents, values."""
    if given["queries"] and given["worst"]:
        raise InputError("--query and --worst: give one of them")
    seen = _look(given)
    if given["as_json"]:
        print_json(_as_dict(seen))
    else:
        _print(seen)
    for text in seen.notes:
        note(text, quiet=given["quiet"])


def _look(given: dict[str, Any]) -> Seen:
    from bench.inspection import inspected
    from bench.loaders import open_source
    from bench.places import Places, default_cache
    from bench.registry import Registry
    from bench.subsets import chosen_languages, chosen_split

    registry = Registry(given["cards"])
    task = registry.task(given["task"])
    (language,) = chosen_languages(task, [given["lang"]], given["split"])
    split = chosen_split(task, given["split"])
    cache = given["cache"] or default_cache()
    result = _result(given, registry, task.named(split), language, given["output"] or cache / "results")
    source = open_source(task, language, split, Places(given["data"], cache, given["offline"]))
    run, values, qrels = result.run(language), result.values(language), source.qrels() or {}
    questions = {query.id: query for query in source.queries()}
    _warn_of_changes(given, task, result, values, qrels)
    chosen = _chosen(given, values, questions)
    queries = [inspected(questions[q], qrels.get(q, {}), run.get(q), values.get(q, {}), given["k"]) for q in chosen]
    texts, notes = _texts(task, source, queries, wanted=not given["no_texts"])
    return Seen(given["model"], task, split, language, result, values, queries, texts, notes)


def _result(given: dict[str, Any], registry: Registry, task: str, language: str, output: Path) -> Result:
    """The result that is meant; MissingError with the command that makes it where there is none."""
    from bench.expression import Name, leaves
    from bench.grammar import parse_expression
    from bench.results import find_results

    model, hex_ = given["model"], given["hex_"]
    results = [result for result in find_results(output, task, model) if result.has(language)]
    if not results:
        for leaf in leaves(parse_expression(model)):
            if isinstance(leaf, Name):
                registry.model(leaf.text)
        raise MissingError(f"no results of {model} on {task}, {language} in {output}: first\n  {_command(given)}")
    ids = [result.id for result in results if result.id]
    if hex_:
        found = [result for result in results if hex_ in (result.id, result.id[: len(hex_)])]
        if len(found) != 1:
            raise unknown(f"result of {model}", hex_, ids, f"there are {', '.join(ids)}")
        return found[0]
    if len(results) > 1 and not results[0].bare:
        raise InputError(f"{model} on {task}: there are {len(results)} results; choose with --id {' or '.join(ids)}")
    return results[0]


def _command(given: Mapping[str, Any]) -> str:
    """The run that leaves what is missing, with the options of this call that it takes too."""
    words = ["bench", "run", "--model", given["model"], "--task", given["task"], "--lang", given["lang"]]
    source = click.get_current_context().get_parameter_source
    for name in ("split", "data", "board", "cache", "cards", "output"):
        if source(name) is ParameterSource.COMMANDLINE:
            words += [f"--{name}", str(given[name])]
    return shlex.join([*words, "--offline"] if given["offline"] else words)


def _warn_of_changes(
    given: Mapping[str, Any], task: Task, result: Result, values: Values, qrels: Mapping[str, Any]
) -> None:
    """Say so where the data are no longer those of the run: ranks and values are still the run's."""
    now = f"{task.source.name}@{task.source.revision}"
    then = result.entry.identity.get("data", now) if result.entry else now
    if then != now or (values and qrels and set(values) != set(qrels)):
        warn(f"the data have changed since this run, labels and values may not fit: run again\n  {_command(given)}")


def _chosen(given: Mapping[str, Any], values: Values, questions: Mapping[str, Any]) -> list[str]:
    """The queries to show."""
    from bench.inspection import worst

    for query in given["queries"]:
        if query not in questions:
            raise unknown("query", query, questions, "without --query the worst ones are shown")
    if given["queries"]:
        return list(dict.fromkeys(given["queries"]))
    if not values:
        raise InputError("nothing is judged here, so no query is the worst: name one with --query")
    known = {query: row for query, row in values.items() if query in questions}
    return worst(known, _measures(values), given["worst"] or _WORST)


def _measures(values: Values) -> list[str]:
    """The measures of the result, the main one first."""
    return list(next(iter(values.values()), {}))


def _texts(
    task: Task, source: Source, queries: Sequence[Inspection], *, wanted: bool
) -> tuple[dict[str, str] | None, list[str]]:
    """The texts of the top documents, and what there is to say about them."""
    from bench.inspection import texts_of

    if not wanted:
        return None, []
    if not task.texts_may_be_shown:
        licence = f"the licence of the texts is {task.licences.texts}"
        return None, [f"{task.name}: no texts of documents: its card does not say that they may be shown ({licence})"]
    ids = {hit.document for query in queries for hit in query.hits}
    texts = texts_of(task, source, ids)
    gone = len(ids) - len(texts)
    return texts, [f"{gone} of the documents are no longer in the corpus"] if gone else []


def _as_dict(seen: Seen) -> dict[str, Any]:
    entry, measures = seen.result.entry, _measures(seen.values)
    return {
        "format": 1,
        "model": entry.identity["model"] if entry else seen.model,
        "task": seen.task.named(seen.split),
        "split": seen.split,
        "language": seen.language,
        "identity": seen.result.id or None,
        "measures": measures,
        "main_measure": measures[0] if measures else None,
        "k": _depth(seen),
        "texts_shown": seen.texts is not None,
        "queries": [query.as_dict(seen.texts or {}) for query in seen.queries],
        "notes": list(seen.notes),
    }


def _depth(seen: Seen) -> int | None:
    """How many documents a query could have in the run, None where that was not written down."""
    block = seen.result.entry.languages.get(seen.language) if seen.result.entry else None
    return block["recipe"]["k"] if block else None


def _print(seen: Seen) -> None:
    from bench.cli.sheet import print_gap, print_paragraph, print_table, print_title

    print_title(f"{seen.model} on {seen.task.named(seen.split)}, {seen.language}")
    depth = _depth(seen)
    absent = f"not in the first {depth}" if depth else "not in the run"
    for query in seen.queries:
        print_gap()
        print_title(f"query {query.query.id}")
        print_paragraph(query.query.text)
        values = [f"{measure} {value:.4f}" for measure, value in query.values.items()]
        print_paragraph(", ".join(values) or "not judged, so not scored")
        rows = [(j.document, str(j.label), str(j.rank or absent)) for j in query.judgments]
        if rows:
            print_table(["judged", "label", "rank"], rows, right=["label"])
        if not query.hits:
            print_paragraph("the run has no document for this query")
        for hit in query.hits:
            label = "not judged" if hit.label is None else f"label {hit.label}"
            print_paragraph(f"{hit.rank}. {hit.document} ({hit.score:.4f}, {label})", bold=(hit.label or 0) > 0)
            if seen.texts is not None:
                print_paragraph(_excerpt(seen.texts.get(hit.document)), indent=3)


def _excerpt(text: str | None) -> str:
    from bench.excerpt import excerpt

    return "(no longer in the corpus)" if text is None else excerpt(text, _SHOWN)
