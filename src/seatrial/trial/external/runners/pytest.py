"""pytest: the project's own checks of a deployed model."""

from pathlib import Path

from seatrial.records import TestSpec
from seatrial.trial.external.runners.base import Runner
from seatrial.trial.external.runners.junit import collect_junit


def arguments(spec: TestSpec, _project: Path, _url: str, work: Path) -> tuple[str, ...]:
    """The command line of one path; nothing is written into the checkout."""
    junit = (f"--junitxml={work / 'junit.xml'}", "-o", "junit_family=xunit2")
    return (spec.target, *junit, "-p", "no:cacheprovider", "--color=no", *spec.args)


PYTEST = Runner(
    package="pytest",
    requirements=("pytest>=8,<10", "requests>=2.31,<3"),
    arguments=arguments,
    collect=lambda work: collect_junit([work / "junit.xml"] if (work / "junit.xml").exists() else []),
    nothing_ran=lambda spec: f"pytest found no test in {spec.target}",
)
