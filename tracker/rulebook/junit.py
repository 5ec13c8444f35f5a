"""How the tests of rules went, as JUnit XML, which build servers can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tracker.errors import printable
from tracker.rulebook.test_runner import Outcome


def junit(outcomes: Iterable[Outcome]) -> str:
    """A suite for each file, a case for each test, in the order of the outcomes."""
    by_file: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_file[outcome.test.file].append(outcome)
    every = [outcome for some in by_file.values() for outcome in some]
    root = Element("testsuites", {"name": "tracker rules test", **_counts(every)})
    for file, some in by_file.items():
        suite = SubElement(root, "testsuite", {"name": _clean(file), **_counts(some)})
        for outcome in some:
            _case(suite, outcome)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, "unicode") + "\n"


def _case(suite: Element, outcome: Outcome) -> None:
    test = outcome.test
    case = SubElement(
        suite, "testcase", classname=_clean(test.rule), name=_clean(test.name), file=_clean(test.file),
        line=str(test.line), time="0",
    )  # fmt: skip
    if not outcome.passed:
        said = f"{outcome.line.text.strip()}: {outcome.wrong}" if outcome.line else outcome.wrong
        failure = SubElement(case, "failure", type="demand", message=_clean(said))
        failure.text = f"{_clean(outcome.place)}: {_clean(said)}"


def _counts(some: Iterable[Outcome]) -> dict[str, str]:
    passed = [outcome.passed for outcome in some]
    return {"tests": str(len(passed)), "failures": str(passed.count(False)), "errors": "0", "skipped": "0"}


def _clean(text: str) -> str:
    """The text without what XML cannot say."""
    return printable(text, keep="\n\t")
