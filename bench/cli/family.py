"""A verb with verbs below it, such as `bench tasks list`; verbs in modules of their own are imported when called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from bench.errors import unknown


class Family(click.Group):
    """A group that answers an unknown verb with the nearest ones, as the command line does everywhere.

    `verbs` maps a verb to (module:attribute, one-line help): its module is imported when the verb is looked up, so that
    `--help` stays fast. They are listed in this order, after the commands of the group itself.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = dict(verbs or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self.verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.verbs[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [(name, command.get_short_help_str(100)) for name, command in self.commands.items()]
        with formatter.section("Verbs"):
            formatter.write_dl([*own, *((verb, text) for verb, (_, text) in self.verbs.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise unknown("verb", args[0], known, f"{ctx.command_path} --help")
        return super().resolve_command(ctx, args)
