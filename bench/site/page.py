"""A page: a path below the site's folder and its bytes; templates are filled with everything escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.site.cells import number, probability, signed
from bench.site.names import web_address

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


class Page(NamedTuple):
    """One file of the site: its path with forward slashes, relative to the site's folder, and its content."""

    path: str
    content: bytes


def rendered(template: str, path: str, **context: Any) -> Page:
    """The page at `path` from a template; `root` is the way from it to the site's folder (`` or `../`)."""
    root = "../" * path.count("/")
    text = environment().get_template(template).render(root=root, path=path, **context)
    return Page(path, text.encode("utf-8", "replace"))


@cache
def environment() -> Environment:
    """Templates that escape every value, and refuse a name that was not given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"web": web_address, "number": number, "signed": signed, "probability": probability}
    return made
