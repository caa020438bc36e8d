"""Which licences let anybody pass a copy on, for commerce too; all others need somebody who says that they may."""

from __future__ import annotations

from typing import NamedTuple

FREE = frozenset(
    {
        *("CC0-1.0", "PDDL-1.0", "Unlicense", "0BSD"),
        *("CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0"),
        *("CC-BY-SA-2.0", "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-4.0"),
        *("ODC-By-1.0", "ODbL-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
        *("Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "MPL-2.0"),
    }
)
"""SPDX identifiers (spdx.org/licenses)."""
_BY_LOWER = {name.lower(): name for name in FREE}


class Licensed(NamedTuple):
    """A thing that is passed on, under what licence (an SPDX identifier or `unknown`), and where it comes from."""

    what: str
    licence: str
    origin: str
    authors: str = ""

    @property
    def free(self) -> bool:
        """Whether anybody may pass it on; all parts of an `A AND B` have to be free, one of an `A OR B`."""
        return any(all(part.strip() in FREE for part in way.split(" AND ")) for way in self.licence.split(" OR "))


def spdx(text: str) -> str:
    """The SPDX identifier that a model card of the hub means, in its own spelling; other names stay as they are."""
    return _BY_LOWER.get(text.strip().lower(), text.strip())


def licence_text(things: list[Licensed]) -> str:
    """What a copy has to say of the licences of its contents."""
    lines = ["The contents of this folder belong to others, who pass them on under these licences.", ""]
    for thing in things:
        lines.append(thing.what)
        where = f" (https://spdx.org/licenses/{thing.licence}.html)" if thing.licence in FREE else ""
        lines.append(f"  licence: {thing.licence}{where}")
        if not thing.free:
            lines.append("  not known to be free to pass on: whoever packed this folder said that they may")
        lines.append(f"  from: {thing.origin}")
        if thing.authors:
            lines.append(f"  by: {' '.join(thing.authors.split())}")
        lines.append("")
    return "\n".join(lines)
