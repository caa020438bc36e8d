"""JUnit's XML report, as continuous integration reads it: suites of cases, each passed, failed or in error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from bench.formats.escapes import xml as _text


class Case(NamedTuple):
    """One test: `failure` says what was found wrong, `error` why it could not be made; both None where it passed."""

    classname: str
    name: str
    failure: str | None = None
    error: str | None = None


class Suite(NamedTuple):
    """Tests that belong together, with what was noted beside them."""

    name: str
    cases: Sequence[Case]
    output: str = ""


def junit_report(name: str, suites: Sequence[Suite], timestamp: str) -> bytes:
    """The report; `timestamp` is ISO 8601 in UTC without a zone, as the schema of Ant's JUnit task wants it."""
    root = ET.Element("testsuites", {"name": _text(name), **_counts([c for suite in suites for c in suite.cases])})
    for number, suite in enumerate(suites):
        root.append(_suite(suite, number, timestamp))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(suite: Suite, number: int, timestamp: str) -> ET.Element:
    # The schema demands a host; which one it was is nobody's business.
    stated = {"name": _text(suite.name), "id": str(number), "package": "bench", "hostname": "localhost"}
    element = ET.Element("testsuite", stated | {"timestamp": timestamp, "time": "0"} | _counts(suite.cases))
    ET.SubElement(element, "properties")
    for case in suite.cases:
        element.append(_case(case))
    ET.SubElement(element, "system-out").text = _text(suite.output)
    ET.SubElement(element, "system-err")
    return element


def _case(case: Case) -> ET.Element:
    element = ET.Element("testcase", {"classname": _text(case.classname), "name": _text(case.name), "time": "0"})
    for kind, message in (("failure", case.failure), ("error", case.error)):
        if message is not None:
            stated = {"message": _text(message.split("\n", 1)[0]), "type": kind}
            ET.SubElement(element, kind, stated).text = _text(message)
    return element


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    failures, errors = (sum(value is not None for value in column) for column in _outcomes(cases))
    return {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors)}


def _outcomes(cases: Sequence[Case]) -> tuple[list[str | None], list[str | None]]:
    return [case.failure for case in cases], [case.error for case in cases]
