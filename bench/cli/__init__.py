"""The command line: a group whose verbs are imported only when they are called, and the one error boundary."""

from __future__ import annotations

import os
import sys
import traceback

import click

from bench import __version__
from bench.cli.family import Family
from bench.cli.output import say
from bench.errors import BenchError

# Verb -> (module:attribute, one-line help). The order is the order of work; help for the list loads no verb.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("bench.cli.run:run", "Encode, search and score; print the per-language table; write the entry."),
    "plan": ("bench.cli.plan:plan", "Say what a run would cost on this machine, before it starts."),
    "encode": ("bench.cli.encode:encode", "Fill a share of the vector store, for machines that share a folder."),
    "inspect": ("bench.cli.inspect:inspect", "Look at a query's ranking with texts and judgments."),
    "score": ("bench.cli.score:score", "Score any TREC run against qrels."),
    "compare": ("bench.cli.compare:compare", "Compare two entries: differences, tests, intervals."),
    "check": ("bench.cli.check:check", "Fail where a system has become worse than a baseline."),
    "tasks": ("bench.cli.tasks:tasks", "Benchmarks: list, show, fetch, verify."),
    "models": ("bench.cli.models:models", "Models: list, show, verify."),
    "bundle": ("bench.cli.bundle:bundle", "Pack a benchmark and a model for a machine without the network."),
    "board": ("bench.cli.board:board", "The leaderboard: show, rank, add, verify, release, export."),
    "site": ("bench.cli.site:site", "Write the leaderboard as a static site, look at it."),
    "cache": ("bench.cli.cache:cache", "List what lies in the cache, remove what is not needed."),
    "doctor": ("bench.cli.doctor:doctor", "Say what this machine can run, and what is missing."),
}


class Bench(Family):
    """The group of all verbs."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of a pipe has gone (`bench ... | head`): nothing is wrong. click would exit with 1, and Python
            # with 120 when it flushes what is left; so the rest goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.group(cls=Bench, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="bench")
def bench() -> None:
    """How good is this retriever, in each language, and can I believe the number?

    \b
    bench run --model bm25 --task mini
    """  # noqa: D301, D400 - click wants the backspace itself; and a question is what it is


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that the contract gives the outcome."""
    sys.exit(_code(arguments))


def _code(arguments: list[str] | None) -> int:
    try:
        result = bench.main(args=arguments, prog_name="bench", standalone_mode=False)
    except BenchError as error:
        _say(str(error))
        return error.exit_code
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return 130
    except MemoryError:
        _say("out of memory: what was finished is kept; run the same command again, with fewer documents in memory")
        return 4
    except Exception:
        traceback.print_exc()
        _say(f"this is a bug in bench {__version__}: please report it with the lines above and the command you ran")
        return 70
    return result if isinstance(result, int) else 0


def _say(message: str) -> None:
    say(f"bench: {message}", colour="red")
