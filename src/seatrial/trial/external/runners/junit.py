"""JUnit XML as test runners write it, read with care: a test is the project's own code and may write anything there."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree as ET
from xml.parsers import expat

from seatrial.logs import redact, shown_text
from seatrial.records import PermanentError, TestCase
from seatrial.trial.external.runners.base import Seen

MOST_BYTES: Final = 16 << 20
_MESSAGE_LENGTH: Final = 2000
_NAME_LENGTH: Final = 300
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_OUTCOMES: Final[Sequence[tuple[str, Literal["failed", "error", "skipped"]]]] = (
    ("error", "error"),
    ("failure", "failed"),
    ("skipped", "skipped"),
)


def collect_junit(files: Sequence[Path]) -> Seen:
    """The cases of several JUnit files; one that can't be read becomes a problem, the others still count."""
    suites: list[ET.Element] = []
    problems: list[str] = []
    for file in files:
        try:
            suites += parse_suites(file)
        except PermanentError as error:
            problems.append(f"{file.name}: {error.what}")
    cases = tuple(_case(case) for suite in suites for case in suite.iter("testcase"))
    return Seen(cases=cases, suites=tuple(suites), problems=tuple(problems))


def parse_suites(file: Path) -> list[ET.Element]:
    """The `testsuite` elements of one file.

    Raises:
        PermanentError: it is missing, larger than 16 MiB, malformed, or declares a document type (entity bombs).
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise PermanentError(f"the JUnit file is larger than {MOST_BYTES >> 20} MiB", where=str(file))
        data = _without_control(file.read_bytes())
    except OSError as error:
        raise PermanentError(f"the JUnit file can't be read: {error.strerror}", where=str(file)) from error
    try:
        _refuse_doctype(data)
        root = ET.fromstring(data)  # noqa: S314 - it declares no document type, so there are no entities to expand
    except (ET.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise PermanentError(f"the JUnit file is malformed: {error}", where=str(file)) from None
    return [root] if root.tag == "testsuite" else list(root.iter("testsuite"))


def _without_control(data: bytes) -> bytes:
    """Behave copies colours and the like into its XML, which may not hold them. UTF-16 is left alone."""
    return data if data.startswith((b"\xff\xfe", b"\xfe\xff")) else _CONTROL.sub(b"", data)


def _refuse_doctype(data: bytes) -> None:
    """Raise ValueError at a document type, whatever the encoding, before anything is expanded."""

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)  # noqa: FBT003 - expat's own signature


def write_suites(suites: Iterable[ET.Element], path: Path) -> None:
    """Keep suites in one file.

    Raises:
        PermanentError: the disk is full.
    """
    root = ET.Element("testsuites")
    root.extend(suites)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise PermanentError(f"the JUnit file can't be kept: {error.strerror}", where=str(path)) from error


def suite_of(name: str, cases: Sequence[TestCase]) -> ET.Element:
    """A suite for a runner that writes no JUnit itself."""
    failed = sum(case.outcome == "failed" for case in cases)
    suite = ET.Element("testsuite", name=name, tests=str(len(cases)), failures=str(failed), errors="0")
    for case in cases:
        element = ET.SubElement(suite, "testcase", classname=name, name=_xml(case.name), time=f"{case.seconds:.6f}")
        if case.outcome == "failed":
            ET.SubElement(element, "failure", message=_xml(case.message))
    return suite


def _case(element: ET.Element) -> TestCase:
    name = ".".join(part for part in (element.get("classname"), element.get("name")) if part)
    found = next(((child, outcome) for tag, outcome in _OUTCOMES if (child := element.find(tag)) is not None), None)
    seconds = _seconds(element.get("time"))
    shown_name = shown_text(name, _NAME_LENGTH) or "unnamed"
    if found is None:
        skipped = element.get("status") in {"skipped", "untested"}
        return TestCase(name=shown_name, outcome="skipped" if skipped else "passed", seconds=seconds)
    child, outcome = found
    said = "\n".join(part.strip() for part in (child.get("message"), child.text) if part and part.strip())
    return TestCase(
        name=shown_name, outcome=outcome, seconds=seconds, message=shown_text(redact(said), _MESSAGE_LENGTH)
    )


def _seconds(text: str | None) -> float:
    try:
        seconds = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0


def _xml(text: str) -> str:
    """The text without the characters that XML can't hold."""
    return _NOT_XML.sub("", text)
