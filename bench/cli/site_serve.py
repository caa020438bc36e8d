"""`bench site serve`: a look at the site in a browser on this machine."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from bench.cli import options
from bench.cli.output import note
from bench.errors import InputError

_HOST = "127.0.0.1"  # For this machine alone: a folder of pages needs no other server, and this one is no other's.


@click.command()
@click.option(
    "--out", type=options.FOLDER, default=Path("build/site"), metavar="DIR", show_default=True, help="Where it goes."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N",
              help="Port on this machine; 0 takes a free one.")  # fmt: skip
@options.combined(options.board, options.cache, options.quiet)
def serve(out: Path, port: int, board: Path, cache: Path | None, quiet: bool) -> None:
    """Build the site of a leaderboard folder and serve it on 127.0.0.1 until Ctrl-C; it opens from disk as well."""
    from bench.places import default_cache
    from bench.site.build import build

    built = build(board, out, cache=cache or default_cache())
    with server(built.out, port) as listening:
        try:
            note("Ctrl-C ends it", quiet=quiet)
            click.echo(f"http://{_HOST}:{listening.server_port}/")
            listening.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            note("ended", quiet=quiet)


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the files of a folder, for this machine alone; InputError where the port is taken."""
    try:
        return _Server((_HOST, port), partial(_Files, directory=str(folder)))
    except OSError as error:
        raise InputError(
            f"--port {port}: cannot be opened: {error.strerror or error}; another one, or 0 for a free one"
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Files(SimpleHTTPRequestHandler):
    """Files as they are now; what a browser fetches is not worth a line on the terminal."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: str) -> None:  # type: ignore[override]
        """No listings: the site has pages for what it holds."""
        self.send_error(404, "No such page")

    def log_message(self, format: str, *args: object) -> None:
        pass
