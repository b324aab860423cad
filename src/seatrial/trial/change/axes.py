"""Sorts paths into axes, because a change of data is judged and attributed differently from a change of code.

Patterns are those of .gitignore (git-scm.com/docs/gitignore): without a slash they match a name at any depth, with
one they count from the project's folder; `*` stays within a name, `**` crosses folders, a matched folder takes
everything below it along, and `!` takes paths out of the axis again. The project's own patterns are tried first, then
the defaults below; the first axis that matches wins, and what none matches is code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Final

from seatrial.records import Axis, UsageError

# The order matters: a test's fixture is no training data, a script in models/ is code, a picture in data/ is data.
DEFAULTS: Final[tuple[tuple[Axis, tuple[str, ...]], ...]] = (
    (
        Axis.OTHER,
        (
            *(
                "seatrial.yaml",
                "seatrial.yml",
                ".aicoe-ci.yaml",
                ".aicoe.yaml",
                ".thoth.yaml",
                "requests*.jsonl",
                "requests*.csv",
                "requests*.json",
            ),
            *("/docs/", "/doc/", "/tests/", "/test/", "test_*.py", "*_test.py", "conftest.py"),
            *("*.feature", "features/steps/", "features/environment.py", "behave.ini", ".behaverc", "locustfile*.py"),
            *(".github/", ".gitlab/", ".gitlab-ci.yml", ".circleci/", "Jenkinsfile", "azure-pipelines*.yml", ".ci/"),
            *(".gitignore", ".gitattributes", ".gitmodules", ".gitkeep", ".git-blame-ignore-revs", ".mailmap"),
            *(".dvcignore", ".dvc/", ".dockerignore", ".editorconfig", ".pre-commit-config.yaml", ".vscode/", ".idea/"),
            *("README*", "readme*", "LICENSE*", "LICENCE*", "NOTICE*", "CHANGELOG*", "CONTRIBUTING*", "AUTHORS*"),
            *("CITATION.cff", "CODEOWNERS", "CODE_OF_CONDUCT*", "SECURITY*", "mkdocs.yml", ".readthedocs.y*ml"),
            *("pytest.ini", "tox.ini", "noxfile.py", "mypy.ini", "ruff.toml", ".ruff.toml", ".flake8", ".coveragerc"),
        ),
    ),
    (
        Axis.STACK,
        (
            *("requirements*.txt", "*requirements*.txt", "*requirements*.in", "requirements/", "constraints*.txt"),
            *("pyproject.toml", "setup.py", "setup.cfg", "uv.toml", "uv.lock", "pylock*.toml", "poetry.lock"),
            *("pdm.lock", "Pipfile*", "pixi.toml", "pixi.lock", "environment*.y*ml", "conda*.y*ml", ".condarc"),
            *("Dockerfile*", "*.Dockerfile", "Containerfile*", "compose*.y*ml", "docker-compose*.y*ml"),
            *(".python-version", "runtime.txt", ".tool-versions", "renv.lock"),
        ),
    ),
    (Axis.CODE, ("*.py", "*.pyi", "*.pyx", "*.sh", "*.R", "*.jl", "*.c", "*.cc", "*.cpp", "*.h", "*.rs", "*.go")),
    (
        Axis.MODEL,
        (
            *("/models/", "/model/", "/checkpoints/", "/weights/"),
            *("*.joblib", "*.pkl", "*.pickle", "*.skops", "*.onnx", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.hdf5"),
            *("*.keras", "*.safetensors", "*.gguf", "*.ggml", "*.tflite", "*.pb", "*.mlmodel", "*.pmml", "*.cbm"),
            *("*.ubj", "*.bst", "MLmodel", "*.cloudpickle", "*.torchscript", "*.engine"),
        ),
    ),
    (
        Axis.DATA,
        (
            *("/data/", "/dataset/", "/datasets/"),
            *("*.csv", "*.tsv", "*.parquet", "*.jsonl", "*.ndjson", "*.feather", "*.arrow", "*.avro", "*.orc"),
            *("*.npy", "*.npz", "*.mat", "*.xls", "*.xlsx", "*.sqlite", "*.db", "*.duckdb", "*.tfrecord", "*.lmdb"),
            *("*.csv.gz", "*.tsv.gz", "*.jsonl.gz", "*.json.gz", "*.csv.zst", "*.csv.zip"),
        ),
    ),
    (
        Axis.OTHER,
        (
            *("*.md", "*.rst", "*.adoc", "/images/", "/img/", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp"),
            *("*.ico", "*.pdf", "*.drawio", "*.puml"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One axis and its patterns, compiled: runs of (takes out again, expression), of which the last match counts."""

    axis: Axis
    runs: tuple[tuple[bool, re.Pattern[str]], ...]

    def matches(self, path: str) -> bool:
        """Whether the path belongs to the axis by this rule."""
        taken = False
        for negated, expression in self.runs:
            if taken is negated and expression.match(path):
                taken = not negated
        return taken


@dataclass(frozen=True, slots=True)
class Sorter:
    """Sorts paths (with slashes, counted from the project) into axes; the first rule that matches wins."""

    rules: tuple[Rule, ...]

    def find(self, path: str) -> Axis | None:
        """The axis whose patterns match the path; None if none do."""
        return next((rule.axis for rule in self.rules if rule.matches(path)), None)

    def axis(self, path: str) -> Axis:
        """The axis of a file; code where no pattern matches."""
        return self.find(path) or Axis.CODE

    def target(self, path: str, *, folder: bool) -> Axis:
        """The axis of something that is kept outside git (DVC); data where no pattern matches."""
        return self.find(path) or (self.find(f"{path}/file") if folder else None) or Axis.DATA


def sorter(configured: Mapping[Axis, Sequence[str]] = MappingProxyType({})) -> Sorter:
    """The sorter with the project's own patterns, in their order, before the defaults.

    Raises:
        UsageError: a pattern is malformed.
    """
    own = tuple(_rule(axis, patterns) for axis, patterns in configured.items())
    return Sorter(own + tuple(_rule(axis, patterns) for axis, patterns in DEFAULTS))


def _rule(axis: Axis, patterns: Sequence[str]) -> Rule:
    runs = []
    for negated, group in groupby(patterns, key=lambda pattern: pattern.startswith("!")):
        bodies = [_checked(pattern.removeprefix("!") if negated else pattern, axis) for pattern in group]
        runs.append((negated, re.compile("|".join(bodies), re.DOTALL)))
    return Rule(axis, tuple(runs))


def _checked(pattern: str, axis: Axis) -> str:
    try:
        expression = translate(pattern)
        re.compile(expression)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"the pattern {pattern!r} is malformed: {error}",
            where=f"axes.{axis}",
            remedy="patterns are written as in .gitignore: `data/**`, `*.csv`, `models/`",
        ) from None
    return expression


_TOKEN: Final = re.compile(r"\\(.)|(\[[!^]?\]?[^\]]*\])|(\*+)|(\?)|([^\\\[*?])", re.DOTALL)


def translate(pattern: str) -> str:
    """The regular expression (for `re.match` with DOTALL) of the paths that a .gitignore pattern takes.

    Raises:
        ValueError: the pattern is empty, or a bracket or backslash in it is left open.
    """
    folder_only = pattern.endswith("/")
    names = pattern.removesuffix("/").removeprefix("/").split("/")
    if not all(names):
        raise ValueError("it is empty or has an empty name between two slashes")
    anchored = "/" in pattern.removesuffix("/")
    expression = "" if anchored else "(?:.*/)?"
    for position, name in enumerate(names):
        last = position == len(names) - 1
        if name == "**" and anchored:
            expression += ".+" if last else "(?:.*/)?"
        else:
            expression += _name(name) + ("" if last else "/")
    return f"(?:{expression}{'/.+' if folder_only else '(?:/.+)?'})\\Z"


def _name(name: str) -> str:
    """The regular expression of one name between slashes."""
    parts = []
    at = 0
    while at < len(name):
        match = _TOKEN.match(name, at)
        if match is None:
            raise ValueError("a `[` or a backslash is left open")
        escaped, bracket, stars, question, plain = match.groups()
        at = match.end()
        if bracket:
            parts.append(_bracket(bracket))
        elif stars or question:
            parts.append("[^/]*" if stars else "[^/]")
        else:
            parts.append(re.escape(escaped or plain))
    return "".join(parts)


def _bracket(bracket: str) -> str:
    if "[:" in bracket or "\\" in bracket:
        raise ValueError("named classes and backslashes inside `[…]` are not supported")
    negated = bracket[1] in "!^"
    members = bracket[2 if negated else 1 : -1]
    inside = "".join(char if char == "-" else re.escape(char) for char in members)
    return f"(?!/)[{'^' if negated else ''}{inside}]"
