"""behave: features of a project, chosen by name as `behave -i NAME` does in the field.

`-i` is a regular expression over the features' file names. behave exits with 0 when it matches nothing, so an empty result
counts as a failure here. A name that is no file's but a scenario's is looked for with `--name`.
"""

import re
from pathlib import Path

from seatrial.records import TestSpec
from seatrial.trial.external.runners.base import Runner
from seatrial.trial.external.runners.junit import collect_junit

_SCENARIO = re.compile(r"^\s*(?:Scenario|Scenario Outline|Scenario Template|Example|Feature)\s*:\s*(.*)$", re.MULTILINE)


def arguments(spec: TestSpec, project: Path, _url: str, work: Path) -> tuple[str, ...]:
    """The command line of one feature."""
    junit = ("--junit", "--junit-directory", str(work / "junit"))
    return (_choice(spec.target, project), spec.target, *junit, "--no-color", "--no-capture", *spec.args)


def _choice(name: str, project: Path) -> str:
    """`-i` for the name of a feature's file, `--name` for that of a scenario."""
    try:
        wanted = re.compile(name)
    except re.error:
        return "-i"
    features = sorted((project / "features").rglob("*.feature"))
    if any(wanted.search(str(feature.relative_to(project))) for feature in features):
        return "-i"
    named = any(wanted.search(title) for feature in features for title in _titles(feature))
    return "--name" if named else "-i"


def _titles(feature: Path) -> list[str]:
    return _SCENARIO.findall(feature.read_text(encoding="utf-8", errors="replace"))


BEHAVE = Runner(
    package="behave",
    requirements=("behave>=1.2.6,<2", "requests>=2.31,<3"),
    arguments=arguments,
    collect=lambda work: collect_junit(sorted((work / "junit").glob("*.xml"))),
    nothing_ran=lambda spec: f"no feature or scenario is named {spec.target!r} (behave -i {spec.target})",
)
