"""A deployment as it will stand in `seatrial.yaml`, and what a conversion has to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A `stack:`; empty where it isn't said."""

    file: str = ""
    python: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A `behave:` test: which features, in the packages of which file, with which variables of its own."""

    behave: str
    name: str
    stack: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One deployment.

    Attributes:
        stacks: by name, where it is tried on several.
        comments: lines above it.
    """

    name: str
    run: str
    stack: Stack = Stack()
    stacks: Mapping[str, Stack] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    health: str = "/"
    cpu: str = ""
    memory: str = ""
    test: Test
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A foreign configuration as a `seatrial.yaml`.

    Attributes:
        source: name of the foreign file.
        text: of the `seatrial.yaml`.
        taken: sentences on what became what.
        left: sentences on what was not taken, and why; they go into the report of a trial.
    """

    source: str
    text: str
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
