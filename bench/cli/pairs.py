"""Models on tasks, one after the other: what fails is told in its place, and the others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.cli import options
from bench.cli.output import say
from bench.errors import BenchError


def on_each(
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    one: Callable[[str, str], dict[str, Any]],
    *,
    as_json: bool,
) -> tuple[list[dict[str, Any]], int]:
    """The result of every model on every task, task by task, and the exit code: the highest of an error, 0 without any.

    In the place of a pair that fails stands {model, task, error: {code, message}}. The error of a pair that is alone is
    raised, unless the results are printed as JSON.
    """
    pairs = [(m, t) for t in options.listed(tasks, "--task") for m in options.listed(models, "--model")]
    results, worst = [], 0
    for model, task in pairs:
        try:
            results.append(one(model, task))
        except BenchError as error:
            if len(pairs) == 1 and not as_json:
                raise
            say(f"bench: {model} on {task}: {error}", colour="red")
            results.append({"model": model, "task": task, "error": {"code": error.exit_code, "message": str(error)}})
            worst = max(worst, error.exit_code)
    return results, worst
