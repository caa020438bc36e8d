"""What can be wrong with an entry as it is stored, seen from its JSON alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bench.entry import Entry
from bench.errors import BenchError, InputError
from bench.flags import CHECKS as FLAGS
from bench.flags import checked_note
from bench.leaderboard.verify.faults import Finding
from bench.leaderboard.verify.recipe import recipe_findings, recipe_shape, unresolved
from bench.leaderboard.verify.tree import short, walked
from bench.measure import Measure

_COUNTS = ("queries", "documents", "judged", "scored", "unanswered", "counted")
_NULLABLE = ("documents", "scored", "unanswered", "fingerprint")
REQUIRED = ("queries", "scored", "documents", "judged", "saturated", "unanswered", "pins", "fingerprint", "flags")
BLOCK_FIELDS = {*REQUIRED, *_COUNTS, "digests", "recipe", "note", "short", "slices", "sample", "own_score"}
"""What a language block may hold beside measures."""

_PRIVATE = re.compile(r"(?:^|[\s\"'=:(,])(?:/(?:home|Users|root|tmp|var|mnt)/|[A-Za-z]:\\|\\\\)|://[^/\s]*@|~/")


def findings(value: Mapping[str, Any]) -> Iterator[Finding]:
    """All that is wrong with a stored entry of the present format; where its shape is, nothing else is looked at."""
    misshapen = list(_shape(value))
    yield from misshapen
    if misshapen:
        return
    entry = Entry.from_dict(value, "")
    yield from _derived(value, entry)
    yield from _identity(entry)
    for check in (_fields, _counts, _values, _saturated, _flags, _recipe):
        for subset, block in entry.languages.items():
            for name, message in check(subset, block, entry):
                yield name, f"{subset}: {message}"
    yield from unresolved(value)
    yield from _private(value)


def _shape(value: Mapping[str, Any]) -> Iterator[Finding]:
    kinds: dict[str, type] = {"identity": dict, "bare": bool, "measures": list, "subsets": list, "languages": dict}
    for key, kind in kinds.items():
        if not isinstance(value.get(key), kind):
            yield "shape", f"{key}: expected {_NAMES[kind]}, found {short(value.get(key))}"
            return
    for key in ("task", "split", "model"):
        if not isinstance(value["identity"].get(key), str):
            yield "shape", f"identity.{key}: expected a text, found {short(value['identity'].get(key))}"
    for key in ("measures", "subsets"):
        names = value[key]
        if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            yield "shape", f"{key}: expected names, each once, found {short(names)}"
            return
    if not value["languages"]:
        yield "shape", "languages: there are none"
    for subset, block in value["languages"].items():
        yield from ((name, f"{subset}: {message}") for name, message in _block_shape(block, value["measures"]))


_NAMES = {dict: "an object", bool: "true or false", list: "a list"}


def _block_shape(block: Any, measures: list[str]) -> Iterator[Finding]:
    if not isinstance(block, dict):
        yield "shape", f"expected an object, found {short(block)}"
        return
    for key in (*REQUIRED, "digests", "recipe"):
        if key not in block or (block[key] is None and key not in _NULLABLE):
            yield "shape", f"{key} is missing"
    kinds = {"saturated": list, "flags": list, "digests": dict, "recipe": dict}
    for key, kind in kinds.items():
        if block.get(key) is not None and not isinstance(block[key], kind):
            yield "shape", f"{key}: expected {_NAMES[kind]}, found {short(block[key])}"
    for key in (*_COUNTS, *measures):
        if block.get(key) is not None and not isinstance(block[key], int | float):
            yield "shape", f"{key}: expected a number, found {short(block[key])}"
    if isinstance(block.get("recipe"), dict):
        yield from recipe_shape(block["recipe"])


def _derived(value: Mapping[str, Any], entry: Entry) -> Iterator[Finding]:
    """What the entry would store in each field, against what stands there."""
    right = entry.as_dict()
    for key in value.keys() - right.keys():
        yield "unknown field", f"{key!r}"
    checks = {"id": "identity", "checksum": "checksum"}
    for key in right:
        if key not in value:
            yield "shape", f"{key} is missing"
        elif value[key] != right[key] or not _alike(value[key], right[key]):
            if key == "checksum":
                yield "checksum", "the entry was edited after it was written"
            else:
                yield checks.get(key, "derived"), f"{key}: expected {short(right[key])}, found {short(value[key])}"


def _alike(a: Any, b: Any) -> bool:
    """Whether true is not told as 1."""
    return isinstance(a, bool) == isinstance(b, bool)


def _identity(entry: Entry) -> Iterator[Finding]:
    for key in ("data", "system", "document_text", "drop_query_id", "index"):
        if key not in entry.identity:
            yield "identity", f"identity.{key} is missing"
    if entry.identity.get("sample"):
        yield "not for boards", f"a sample: {short(entry.identity['sample'])}"
    task, split = entry.identity["task"], entry.identity["split"]
    if "@" in task and task.rpartition("@")[2] != split:
        yield "identity", f"the task is {task!r}, the split {split!r}"
    for subset in entry.languages:
        if subset not in entry.subsets:
            yield "language", f"{subset!r} is not among the subsets"
    for measure in entry.measures:
        if _measure(measure) is None:
            yield "measure", f"{measure!r} is no measure (bench score --list)"
        elif not any(measure in block for block in entry.languages.values()):
            yield "measure", f"{measure!r} was measured for no language"


def _fields(_subset: str, block: Mapping[str, Any], entry: Entry) -> Iterator[Finding]:
    for key in block:
        if key in BLOCK_FIELDS or key in entry.measures:
            continue
        if _measure(key) is not None:
            yield "measure", f"{key!r} is not among the entry's measures"
        else:
            yield "unknown field", f"{key!r}"


def _counts(_subset: str, block: Mapping[str, Any], _entry: Entry) -> Iterator[Finding]:
    for key in _COUNTS:
        count = block.get(key)
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
            yield "range", f"{key}: expected a count, found {short(count)}"
            return
    for part, whole in (("scored", "queries"), ("counted", "queries"), ("unanswered", "scored")):
        if block.get(part) is not None and block.get(whole) is not None and block[part] > block[whole]:
            yield "range", f"{part} {block[part]} of {whole} {block[whole]}"
    if block["queries"] == 0 or block["documents"] == 0:
        yield "range", "there are no queries or no documents"
    fingerprint = block["fingerprint"]
    if fingerprint is not None and not re.fullmatch(r"[0-9a-f]{64}", str(fingerprint)):
        yield "range", f"fingerprint: expected 64 hex digits, found {short(fingerprint)}"


def _values(_subset: str, block: Mapping[str, Any], entry: Entry) -> Iterator[Finding]:
    for measure in entry.measures:
        value = block.get(measure)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 <= value <= 1):
            yield "range", f"{measure}: expected a number in [0, 1], found {short(value)}"


def _saturated(_subset: str, block: Mapping[str, Any], entry: Entry) -> Iterator[Finding]:
    pool = block["documents"]
    cuts = {m: parsed.cutoff for m in entry.measures if m in block and (parsed := _measure(m)) is not None}
    if isinstance(pool, int):
        full = {m for m, cut in cuts.items() if cut is not None and cut >= pool and block[m] is not None}
        if set(map(str, block["saturated"])) != full:
            yield "saturated", f"expected {sorted(full)}, found {short(block['saturated'])}"


def _flags(subset: str, block: Mapping[str, Any], _entry: Entry) -> Iterator[Finding]:
    for flag in block["flags"]:
        if not isinstance(flag, dict) or set(flag) != {"check", "language", "seen", "limit", "expected"}:
            yield "flag", f"expected check, language, seen, limit and expected, found {short(flag)}"
            continue
        numbers = all(isinstance(flag[key], int | float) for key in ("seen", "limit"))
        if flag["check"] not in FLAGS or flag["language"] != subset or not numbers:
            yield "flag", f"{short(flag)} is no flag of this language"
        elif flag["expected"] != (flag["check"] in block["recipe"]["expected_flags"]):
            yield "flag", f"{flag['check']}: 'expected' is not what the recipe's expected_flags say"
    if "note" in block:
        try:
            if checked_note(str(block["note"])) != block["note"]:
                yield "note", "expected a text without blanks at its ends"
        except InputError as error:
            yield "note", str(error)


def _recipe(_subset: str, block: Mapping[str, Any], entry: Entry) -> Iterator[Finding]:
    if block["pins"] not in ("match", "unchecked"):
        found = "the data differ from the card's pins" if block["pins"] == "differ" else short(block["pins"])
        yield "not for boards", f"pins: {found}"
    recipe = block["recipe"]
    yield from recipe_findings(recipe)
    if recipe["options"].get("limit_docs"):
        yield "not for boards", "a sample of the documents"
    for measure in entry.measures:
        parsed = _measure(measure)
        if measure in block and parsed is not None and parsed.cutoff is not None and parsed.cutoff > recipe["k"]:
            yield "not for boards", f"k = {recipe['k']} retrieves fewer documents than {measure} looks at"


def _private(value: Mapping[str, Any]) -> Iterator[Finding]:
    def telling(at: str, _key: str, found: Any, _around: Mapping[str, Any]) -> Iterator[Finding]:
        # What a rendered example says is the data's, not the machine's.
        if isinstance(found, str) and ".rendered" not in at and _PRIVATE.search(found):
            yield "private", f"{at}: {short(found)}"

    yield from walked(value, "", telling)


def _measure(name: str) -> Measure | None:
    try:
        parsed = Measure.parse(name)
    except BenchError:
        return None
    return parsed if str(parsed) == name else None
