"""Makes a command listen where a trial wants it: each cell on a port of its own, `$PORT`, on the loopback.

An image has a network of its own and may insist on 8080; here two versions run side by side. Servers that take the port as an
option or a variable are given `$PORT`. A Python program that has its port written into it is started by a line that binds
`$PORT` in that port's place. For anything else the report says what to change.
"""

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from seatrial.config.aicoe.dockerfile import Words
from seatrial.config.aicoe.files import Files, joined, text_of
from seatrial.config.aicoe.start import Start

HERE: Final = "127.0.0.1"
_BOUND: Final = re.compile(
    r"(?<![\w.])(?:0\.0\.0\.0|\*|\[::\]|\[::1\]|127\.0\.0\.1|localhost)?:(\d{2,5}|\$\$\{?PORT(?::?-\d+)?\}?)(?![\w.:])"
)
_ANYWHERE: Final = re.compile(r"(?<![\w.])0\.0\.0\.0(?![\w.])")
_OPTION: Final = re.compile(r"(--?[\w.-]*port|-p)(=)(\S+)")
_OPTIONS: Final = re.compile(r"--?[\w.-]*port|-p")
_FROM_ENVIRONMENT: Final = re.compile(r"(?:environ|getenv|env)\b[^\n]{0,80}[\"'](\w*PORT)[\"']")
_PLAIN: Final = re.compile(r"[\w@%+=:,./${}-]+")
_ADDED: Final[Mapping[str, Words]] = {
    "gunicorn": ("--bind", f"{HERE}:$PORT"),
    "hypercorn": ("--bind", f"{HERE}:$PORT"),
    "uvicorn": ("--host", HERE, "--port", "$PORT"),
    "waitress-serve": (f"--listen={HERE}:$PORT",),
    "flask run": ("--host", HERE, "--port", "$PORT"),
    "streamlit run": ("--server.address", HERE, "--server.port", "$PORT"),
    "fastapi run": ("--host", HERE, "--port", "$PORT"),
    "fastapi dev": ("--host", HERE, "--port", "$PORT"),
}
_LAST: Final[Mapping[str, Words]] = {
    "manage.py runserver": (f"{HERE}:$PORT",),
    "http.server": ("--bind", HERE, "$PORT"),
}
VARIABLES: Final[Mapping[str, str]] = {
    "FLASK_RUN_HOST": HERE,
    "FLASK_RUN_PORT": "$PORT",
    "UVICORN_HOST": HERE,
    "UVICORN_PORT": "$PORT",
    "GUNICORN_CMD_ARGS": f"--bind {HERE}:$PORT",
}
_REDIRECTED: Final = (
    "import os, runpy, socket, sys; bind = socket.socket.bind; "
    'here = lambda at: ("127.0.0.1" if len(at) == 2 else "::ffff:127.0.0.1", int(os.environ["PORT"]), *at[2:]); '
    "socket.socket.bind = lambda self, at: bind(self, here(at) if isinstance(at, tuple) and at[1] in PORTS else at); "
    'sys.argv = sys.argv[1:]; sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0])); runpy.run_path(sys.argv[0], run_name="__main__")'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A command of `seatrial.yaml`.

    Attributes:
        run: the command.
        env: what is left of the environment: a variable with a port in it became part of the command.
        note: how the port was handled, where that is worth knowing.
    """

    run: str
    env: Mapping[str, str]
    note: str = ""


def listening(start: Start, env: Mapping[str, str], files: Files) -> Listening:
    """The command that starts it on `$PORT`.

    Args:
        start: how it starts in its image.
        env: its whole environment.
        files: of the project.
    """
    given, kept = _ports_in(env, start.ports)
    if start.shell:
        text = _in_text(start.shell.replace("$", "$$").replace("\0", ""), start.ports)
        settings, note = ({}, "") if _names_port(text) else (VARIABLES, _by_variables(start))
        words: Words = ("sh", "-c", text)
    else:
        words, settings, note = _in_words(start, files)
    return Listening(run=_line(start.folder, {**settings, **given}, words), env=kept, note=note)


def _in_words(start: Start, files: Files) -> tuple[Words, Mapping[str, str], str]:
    """The words, variables that go before them, and a note."""
    words = _with_options(tuple(_in_text(word, start.ports) for word in start.words))
    if any(map(_names_port, words)):
        return words, {}, ""
    program = posixpath.basename(words[0])
    for at, name in enumerate(words[:4], 1):
        pair = f"{posixpath.basename(words[at - 2])} {name}" if at > 1 else ""
        if pair in _LAST or (name in _LAST and at > 1):
            return (*words, *_LAST.get(pair, _LAST.get(name, ()))), {}, ""
        added = _ADDED.get(pair) or (_ADDED.get(posixpath.basename(name)) if at == 1 or words[at - 2] == "-m" else None)
        if added:
            return (*words[:at], *added, *words[at:]), {}, ""
    script = next((word for word in words[1:] if not word.startswith("-")), "")
    if program == "python" and script.endswith(".py") and "-m" not in words:
        return _python(start, words, script, files)
    return words, VARIABLES, _by_variables(start)


def _names_port(text: str) -> bool:
    return "$PORT" in text or "${PORT" in text


def _python(start: Start, words: Words, script: str, files: Files) -> tuple[Words, Mapping[str, str], str]:
    """A Python program: as it is where it reads its port from the environment, else with its own port redirected."""
    source = text_of(files, joined(start.folder, script))
    read = set(_FROM_ENVIRONMENT.findall(source))
    if "PORT" in read or read & VARIABLES.keys():
        return words, {name: VARIABLES[name] for name in VARIABLES if name in read}, ""
    if len(read) == 1:
        return words, dict.fromkeys(read, "$PORT"), ""
    ports = ", ".join(map(str, start.ports))
    at = words.index(script)
    line = _REDIRECTED.replace("PORTS", f"({ports},)")
    note = f"{script} does not read its port from the environment: what it binds on {ports} is bound on $PORT instead"
    return (*words[:at], "-c", line, *words[at:]), {}, note


def _by_variables(start: Start) -> str:
    called = start.words[-1] if start.words else "its command"
    ports = ", ".join(map(str, start.ports))
    return f"{called} is told its port by $PORT, FLASK_RUN_PORT, UVICORN_PORT and GUNICORN_CMD_ARGS; if it insists on {ports}, change it to $PORT"


def _ports_in(env: Mapping[str, str], ports: tuple[int, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Variables that name a port, with `$PORT` in its place, and the others. `PORT` itself is seatrial's."""
    given, kept = {}, {}
    for name, value in env.items():
        if name == "PORT":
            continue
        if name == "GUNICORN_CMD_ARGS":
            text = _in_text(value.replace("$", "$$"), ports)
            given[name] = text if "$PORT" in text else f"{text} --bind {HERE}:$PORT".strip()
        elif name.endswith("PORT") and value.strip() in map(str, ports):
            given[name] = "$PORT"
        else:
            kept[name] = value
    return given, kept


def _in_text(text: str, ports: tuple[int, ...]) -> str:
    """Text with addresses, options and known ports in it replaced."""
    text = _BOUND.sub(f"{HERE}:$PORT", text) if "://" not in text else text
    text = _OPTION.sub(lambda found: f"{found[1]}=$PORT" if _is_number(found[3]) else found[0], text)
    text = re.sub(
        rf"((?:^|\s)(?:{_OPTIONS.pattern})\s+)(?:\d{{2,5}}|\$\$\{{?PORT(?::?-\d+)?\}}?)(?![\w.:])", r"\1$PORT", text
    )
    for port in ports:
        text = re.sub(rf"(?<![\w.:$-]){port}(?![\w.:])", "$PORT", text)
    return _ANYWHERE.sub(HERE, text)


def _with_options(words: Words) -> Words:
    """Words in which what follows an option for a port is `$PORT`."""
    after = ("", *words)
    return tuple(
        "$PORT" if _OPTIONS.fullmatch(before) and (_is_number(word) or "PORT" in word) else word
        for before, word in zip(after, words, strict=False)
    )


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\d{2,5}|\$\$\{?PORT(?::?-\d+)?\}?", text))


def _line(folder: str, settings: Mapping[str, str], words: Words) -> str:
    """One line: `env` sets what the command needs besides, as `$PORT` is only known in it."""
    place = ("-C", folder) if folder else ()
    pairs = tuple(f"{name}={value}" for name, value in settings.items())
    before = ("env", *place, *pairs) if place or pairs else ()
    return " ".join(_quoted(word) for word in (*before, *words))


def _quoted(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)
