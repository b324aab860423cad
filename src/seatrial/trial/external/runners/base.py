"""What a runner is to seatrial: a command line as data, and a reader of what it left behind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from seatrial.records import TestCase, TestSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one run of a runner left behind.

    Attributes:
        cases: what ran.
        suites: the same as JUnit `testsuite` elements, to be kept.
        metrics: figures of the runner itself.
        problems: sentences on what could not be read.
    """

    cases: tuple[TestCase, ...] = ()
    suites: tuple[Element, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One runner.

    Attributes:
        package: its distribution, which is also the module to run.
        requirements: of the environment that seatrial makes for it.
        arguments: of `python -m <package>`, from the test, the project's folder, the deployment's URL and a private folder.
        collect: reads what it left in the private folder.
        nothing_ran: what to say when there was no case, from the test.
        reads_stdout: whether its standard output is kept apart, as `stdout` in the private folder.
    """

    package: str
    requirements: tuple[str, ...]
    arguments: Callable[[TestSpec, Path, str, Path], tuple[str, ...]]
    collect: Callable[[Path], Seen]
    nothing_ran: Callable[[TestSpec], str]
    reads_stdout: bool = False
