"""A cell: a number with what a reader must know of it, as HTML and as data for the script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import escape

from bench.site.heat import Scale

SATURATED, BEST, FLAGGED, EXPLAINED = "s", "b", "f", "e"
"""Marks: the cell says nothing; best of its column; improbable; improbable, and expected or explained."""


class Cell(NamedTuple):
    """`marks` are letters, `title` is what stands beside a number on demand, `more` what a measured one has more."""

    value: float | None
    marks: str = ""
    title: str = ""
    more: float | None = None

    def html(self, scale: Scale, extra: str = "") -> str:
        """A `td`. A missing number is a dash; a saturated one stands in brackets and has no colour."""
        if self.value is None:
            return f'<td class="no{extra}">–</td>'
        if not self.marks and not self.title and self.more is None:
            return f'<td class="h{scale.step(self.value)}{extra}">{number(self.value)}</td>'
        names = "" if SATURATED in self.marks else f"h{scale.step(self.value)}"
        for mark in self.marks:
            names += f" {mark}"
        title = f' title="{escape(self.title)}"' if self.title else ""
        return f'<td class="{(names + extra).strip()}"{title}>{self.inner}</td>'

    @property
    def inner(self) -> str:
        """What stands in the cell: the number, its sign, the difference."""
        if self.value is None:
            return "–"
        text = number(self.value)
        if self.marks:
            text = f"({text})" if SATURATED in self.marks else text
            text += "<i>!</i>" if FLAGGED in self.marks or EXPLAINED in self.marks else ""
        return text if self.more is None else f"{text}<small>{signed(self.more)}</small>"

    def data(self) -> Any:
        """For the script: null, millionths, or a list that adds marks, title and difference."""
        if self.value is None:
            return None
        whole = round(self.value * 1_000_000)
        if self.more is not None:
            return [whole, self.marks, self.title, round(self.more * 1_000_000)]
        return [whole, self.marks, self.title] if self.marks or self.title else whole


def number(value: float) -> str:
    """Three digits: `.697`, `1.000`."""
    text = f"{round(value, 6):.3f}"  # As the script has it, so that both say the same.
    return text[1:] if text.startswith("0") else text


def signed(value: float) -> str:
    """Three digits with a sign, a real minus: `+.012`, `−.004`; no sign where nothing is left."""
    text = number(abs(value))
    return text if text == ".000" else f"{'+' if value > 0 else '−'}{text}"


def probability(p: float) -> str:
    """A p value: `.012`, and `<.001` where three digits say nothing."""
    return "<.001" if p < 0.001 else number(p)


def flags_by_language(result: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The flags of a result by the language that they are about."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for flag in result["flags"]:
        found.setdefault(flag["language"], []).append(flag)
    return found


def flag_text(flag: Mapping[str, Any]) -> str:
    """A flag in words."""
    text = flag.get("message") or f"{flag['check']}: {_seen(flag['seen'])}, limit {_seen(flag['limit'])}"
    if flag.get("note"):
        return f"{text}; explained: {flag['note']}"
    return f"{text}; expected" if flag.get("expected") else str(text)


def _seen(value: object) -> str:
    """What a check saw: a number, or words."""
    return f"{value:.3f}" if isinstance(value, int | float) else str(value)


def flag_mark(flags: Sequence[Mapping[str, Any]]) -> str:
    """The mark of some flags: one that nobody expects or explains is what counts."""
    if not flags:
        return ""
    return EXPLAINED if all(flag.get("expected") or flag.get("note") for flag in flags) else FLAGGED
