"""Asks a model server which model it serves, so that a trial of a registered version can't be one of another file.

A deployment may load something else than what was laid for it: its `serve:` names one path and `models.NAME.path`
another. Without this question such a trial would compare two versions that both serve what git has, and pass.
"""

from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from seatrial.records import PermanentError, UsageError
from seatrial.trial.build.lay import Layer

AnswerT = TypeVar("AnswerT")
_PATIENCE = 10.0


class _Info(msgspec.Struct):
    title: str


class _Document(msgspec.Struct):
    info: _Info


class _Identity(msgspec.Struct):
    digest: str
    source: str


class _Model(msgspec.Struct):
    seatrial: _Identity


def check_served(url: str, layer: Layer, project: Path, http: httpx.Client) -> None:
    """Compare what the server at `url`, started in `project`, says that it serves with the registered version.

    A part of the registered folder is as good as the whole; what a Python class loads by itself can't be told.

    Raises:
        UsageError: it serves something else.
        PermanentError: it doesn't say.
    """
    name = _ask(http, f"{url}/openapi.json", _Document).info.title
    served = _ask(http, f"{url}/v2/models/{quote(name, safe='')}", _Model).seatrial
    if served.digest == layer.version.artifact.digest or _is_class(served.source):
        return
    if (project / served.source).resolve().is_relative_to(layer.laid(project).resolve()):
        return
    raise UsageError(
        f"the deployment serves {served.source} ({served.digest}) and not {layer.version.id} "
        f"({layer.version.artifact.digest}), which lies at {layer.place}",
        where=url,
        remedy=f"let `serve:` and `models: {{{layer.version.model}: {{path: …}}}}` name the same file or folder",
    )


def _is_class(source: str) -> bool:
    """Whether it serves `module:Class`."""
    return ":" in source


def _ask(http: httpx.Client, url: str, kind: type[AnswerT]) -> AnswerT:
    try:
        answer = http.get(url, timeout=_PATIENCE).raise_for_status()
        return msgspec.json.decode(answer.content, type=kind)
    except (httpx.HTTPError, msgspec.MsgspecError) as error:
        raise PermanentError(
            f"the model server doesn't say which model it serves: {error}", where=url, remedy="read the end of its log"
        ) from error
