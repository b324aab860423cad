"""What the benchmark knows of a server, ours or a peer: what to install, how to start it, what to send, where the answer is.

A peer is one file in `peers/`: a program as that peer's tutorial would have it, and at its top the inline metadata of PEP
723 (https://peps.python.org/pep-0723/): what it needs in `dependencies`, the rest in `[tool.serving]`:

    name      as in `--peers`
    title     as in the table
    prepare   a command that is run before each start (optional)
    command   what starts it
    path      where a row is posted
    body      what is posted, JSON, with ROW for the list of the row's numbers
    answer    keys and indices that lead to the prediction in the answer
    metrics   address of its metrics (optional)
    env       further environment variables (optional)
    variants  name → `title` and `env`: the same program again with other settings (optional)

Commands, metrics and env may speak of `{python}` and `{bin}` (of the server's environment), `{app}` (the peer's file), `{port}`,
`{port2}`, `{port3}`, `{model}` (the file to serve) and `{trainer}` (the interpreter that trained it). Commands run in an empty
folder, with `peers/` on the PYTHONPATH and MODEL, PORT, PORT2 and PORT3 in the environment. The whole set of pins stands in a
file of the same name ending in `.txt`; `--lock` writes it.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
_EXTRAS = re.compile(r"\[.*?\]")
_BLOCK = re.compile(r"^# /// script\n((?:#(?: .*)?\n)+?)# ///$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is installed for a server.

    Attributes:
        name: of the environment.
        requirements, constraints: lines of such files.
        checkout: whether seatrial itself is installed from this checkout, with none of its dependencies.
        trained_in: where its models are trained, if its own environment has no scikit-learn.
    """

    name: str
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    checkout: bool = False
    trained_in: "Needs | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One row of the table. The module's docstring says what each attribute is.

    `ours` is True for `seatrial serve`, `constant` where it answers without a model, so that no answers can be compared.
    """

    name: str
    title: str
    needs: Needs
    command: str
    body: str
    answer: tuple[str | int, ...]
    path: str = "/predict"
    prepare: str = ""
    metrics: str = ""
    app: Path = PEERS
    env: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    constant: bool = False

    def bodies(self, rows: Sequence[Sequence[float]]) -> list[str]:
        """What is posted for each row."""
        return [self.body.replace("ROW", json.dumps(list(row))) for row in rows]

    def prediction(self, answer: bytes) -> float:
        """The prediction in an answer. Raises ValueError, KeyError, IndexError or TypeError where there is none."""
        found: Any = json.loads(answer)
        for step in self.answer:
            found = found[step]
        return float(found)


def peer_files() -> list[Path]:
    """The files that describe peers."""
    return sorted(PEERS.glob("*.py"))


def peers(wanted: Sequence[str] | None = None) -> list[Server]:
    """The peers with their variants; `wanted` names peers, None means all. Exits for a name that isn't known."""
    known = {header["tool"]["serving"]["name"]: (path, header) for path, header in _headers()}
    unknown = sorted(set(wanted or ()) - known.keys())
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(known)}")
    return [server for name in (known if wanted is None else wanted) for server in _servers(*known[name])]


def _headers() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in peer_files():
        yield path, read_header(path)


def read_header(path: Path) -> dict[str, Any]:
    """The inline metadata of a peer's file. Exits where there is none."""
    match = _BLOCK.search(path.read_text())
    if match is None:
        raise SystemExit(f"{path} has no inline metadata (# /// script … # ///)")
    return tomllib.loads("".join(line[2:] or "\n" for line in match[1].splitlines(keepends=True)))


def _pins(lock: Path, dependencies: Sequence[str]) -> tuple[str, ...]:
    """All pins, or what is asked for where nobody has written them. Exits where the two disagree."""
    if not lock.exists():
        return tuple(dependencies)
    pins = tuple(lock.read_text().splitlines())
    if changed := {_EXTRAS.sub("", dependency) for dependency in dependencies} - set(pins):
        raise SystemExit(f"{lock} is not up to date with {', '.join(sorted(changed))}: run with --lock")
    return pins


def _servers(path: Path, header: dict[str, Any]) -> Iterator[Server]:
    """A peer and its variants."""
    about = dict(header["tool"]["serving"])
    variants = about.pop("variants", {})
    needs = Needs(name=about["name"], requirements=_pins(path.with_suffix(".txt"), header["dependencies"]))
    first = Server(**{**about, "answer": tuple(about["answer"]), "needs": needs, "app": path})
    yield first
    for name, variant in variants.items():
        yield replace(
            first,
            name=f"{first.name}-{name}",
            title=f"{first.title}: {variant['title']}",
            env={**first.env, **variant.get("env", {})},
        )
