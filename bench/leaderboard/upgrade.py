"""Older formats: a stored object is brought to the present format by one `dict -> dict` function a step.

Files are upgraded in memory whenever they are read, and on disk by `bench board upgrade`. Digests are of identity and
numbers, which no step may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.entry import FORMAT
from bench.errors import InputError

Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: dict[int, Step] = {}
"""Format -> what makes the next format of an object of it. Format 1 is the first."""


def upgraded(value: Any, where: str) -> dict[str, Any]:
    """The object in the present format; one that is in it already as it is.

    InputError for a newer format, with the version of bench that wrote it where that is said, and for none at all.
    """
    form = value.get("format") if isinstance(value, Mapping) else None
    if not isinstance(form, int) or isinstance(form, bool) or form > FORMAT:
        raise _refused(value, form, where)
    result = dict(value)
    while form < FORMAT:
        if form not in STEPS:
            raise _refused(value, form, where)
        try:
            result = STEPS[form](result)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: not an object of format {form}: {error!r}") from error
        form += 1
    return result | {"format": FORMAT}


def outdated(value: Any) -> bool:
    """Whether a stored object is of an older format that can be read."""
    form = value.get("format") if isinstance(value, Mapping) else None
    return isinstance(form, int) and form in STEPS


def _refused(value: Any, form: object, where: str) -> InputError:
    wrote = _written_by(value)
    hint = f" (bench {wrote} wrote it)" if wrote else ""
    return InputError(f"{where}: format: expected {FORMAT}, found {form!r}: it needs another version of bench{hint}")


def _written_by(value: Any) -> str | None:
    """The newest version of bench that an object names, in a release or in the recipes of an entry."""
    if not isinstance(value, Mapping):
        return None
    found = [value.get("bench")]
    blocks = value.get("languages")
    for block in blocks.values() if isinstance(blocks, Mapping) else ():
        recipe = block.get("recipe") if isinstance(block, Mapping) else None
        versions = recipe.get("versions") if isinstance(recipe, Mapping) else None
        found.append(versions.get("bench") if isinstance(versions, Mapping) else None)
    return max((version for version in found if isinstance(version, str)), key=_as_numbers, default=None)


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
