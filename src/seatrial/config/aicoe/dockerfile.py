"""What a Dockerfile says of how its last stage starts. Nothing is built: the project's files are started as they are.

Source: docs.docker.com/reference/dockerfile. Understood are FROM, ARG, ENV, WORKDIR, COPY and ADD, EXPOSE, ENTRYPOINT and
CMD, and of RUN the requirements files that pip is given.
"""

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

Words = tuple[str, ...]

_HEREDOC: Final = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_VARIABLE: Final = re.compile(r"\\(\$)|\$(\w+)|\$\{(\w+)(?::([-+])([^}]*))?\}")
_REQUIREMENTS: Final = re.compile(r"(?:-r|--requirement)[ =]?\s*([^\s;&|\"']+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One stage of a Dockerfile.

    Attributes:
        base: image that it begins with, through the stages before it.
        workdir: absolute; empty where none is set.
        copies: sources and destination (absolute) of each COPY from the project.
        exposed: ports.
        requirements: files that pip was told to install.
        entrypoint, cmd: words, or the text for a shell; None where the base image says.
    """

    base: str = ""
    workdir: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[tuple[Words, str], ...] = ()
    exposed: tuple[int, ...] = ()
    requirements: Words = ()
    entrypoint: Words | str | None = None
    cmd: Words | str | None = None


def read_dockerfile(text: str) -> Image:
    """The last stage. Lines that are not understood say nothing of how it starts and are passed over."""
    stages: dict[str, Image] = {}
    image, name = Image(), ""
    arguments: dict[str, str] = {}
    for instruction, rest in _instructions(text):
        if instruction == "FROM":
            stages[name] = image
            words = [word for word in rest.split() if not word.startswith("--")]
            base = _filled(words[0], arguments) if words else ""
            named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004 - FROM image AS name
            name = words[2] if named else f"stage {len(stages)}"
            image = stages.get(base) or Image(base=base)
        elif instruction == "ARG":
            key, _, value = rest.partition("=")
            arguments[key.strip()] = _filled(_unquoted(value), {**arguments, **image.env})
        else:
            image = _with(image, instruction, rest, {**arguments, **image.env})
    return image


def _with(image: Image, instruction: str, rest: str, known: Mapping[str, str]) -> Image:  # noqa: PLR0911 - one per instruction
    match instruction:
        case "ENV":
            return replace(image, env={**image.env, **_variables(rest, known)})
        case "WORKDIR":
            return replace(
                image, workdir=posixpath.normpath(posixpath.join(image.workdir or "/", _filled(_unquoted(rest), known)))
            )
        case "EXPOSE":
            ports = [word.partition("/")[0] for word in _filled(rest, known).split()]
            return replace(image, exposed=(*image.exposed, *(int(port) for port in ports if _is_port(port))))
        case "COPY" | "ADD":
            return replace(image, copies=(*image.copies, *_copies(image, _filled(rest, known))))
        case "RUN":
            return replace(image, requirements=(*image.requirements, *_REQUIREMENTS.findall(rest)))
        case "ENTRYPOINT":
            return replace(image, entrypoint=_command(rest), cmd=None)
        case "CMD":
            return replace(image, cmd=_command(rest))
    return image


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction in capitals with what follows it: continued lines joined, comments and here-documents left out."""
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        while line.endswith("\\"):
            following = next((each.strip() for each in lines if not each.lstrip().startswith("#")), "")
            line = f"{line[:-1].rstrip()} {following}"
        instruction, _, rest = line.partition(" ")
        for end in _HEREDOC.findall(rest) if instruction.upper() in {"RUN", "COPY", "ADD"} else []:
            while next(lines, end).strip() != end:
                pass
        yield instruction.upper(), rest.strip()


def _command(rest: str) -> Words | str | None:
    """The words of the JSON form, or the text for a shell; None for nothing."""
    try:
        words = json.loads(rest)
    except (ValueError, RecursionError):
        return rest or None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else rest


def _variables(rest: str, known: Mapping[str, str]) -> dict[str, str]:
    first = rest.partition(" ")[0]
    if "=" not in first:
        key, _, value = rest.partition(" ")
        return {key: _filled(value.strip(), known)} if key else {}
    pairs = (word.partition("=") for word in _split(rest))
    return {key: _filled(value, known) for key, equals, value in pairs if equals and key}


def _copies(image: Image, rest: str) -> Iterator[tuple[Words, str]]:
    if "--from" in rest:
        return
    try:
        listed = json.loads(rest)
    except (ValueError, RecursionError):
        listed = None
    words = (
        [str(word) for word in listed]
        if isinstance(listed, list)
        else [word for word in _split(rest) if not word.startswith("--")]
    )
    if len(words) > 1:
        place = posixpath.join(image.workdir or "/", words[-1])
        ending = "/" if words[-1].endswith("/") or words[-1] in {".", ".."} else ""
        yield tuple(words[:-1]), posixpath.normpath(place).rstrip("/") + ending


def _filled(text: str, known: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        given = known.get(found[2] or found[3], "")
        if found[4] == "+":
            return str(found[5]) if given else ""
        return given or str(found[5] or "")

    return _VARIABLE.sub(value, text)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _unquoted(text: str) -> str:
    words = _split(text)
    return words[0] if len(words) == 1 else text.strip()


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65535  # noqa: PLR2004 - the largest port
