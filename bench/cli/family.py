"""A verb with verbs below it, such as `bench tasks list`."""

from __future__ import annotations

import click

from bench.errors import unknown


class Family(click.Group):
    """A group that answers an unknown verb with the nearest ones, as the command line does everywhere."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise unknown("verb", args[0], self.commands, f"bench {self.name} --help")
        return super().resolve_command(ctx, args)
