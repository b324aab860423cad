"""What the payloads of all forges share: how they are decoded, and the bounds of what is kept of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from seatrial.bot.decide import LONGEST_COMMENT
from seatrial.forge.commands import PREFIX
from seatrial.records import Hook, HookKind, UsageError

Number = Annotated[int, Meta(ge=1, lt=1 << 31)]
Ident = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
Commit = Annotated[str, Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=500)]
ShapeT = TypeVar("ShapeT", bound=Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A delivery that the bot has nothing to do for, and why."""

    why: str


class LoginJson(Struct, frozen=True):
    """An account on GitHub or Gitea."""

    login: Name


class LabelJson(Struct, frozen=True):
    """A label on GitHub or Gitea."""

    name: str = ""


class RepositoryJson(Struct, frozen=True):
    """A repository on GitHub or Gitea."""

    full_name: Name


class HeadJson(Struct, frozen=True):
    """The branch of a pull request."""

    sha: Commit


class PullJson(Struct, frozen=True):
    """`pull_request` on GitHub or Gitea."""

    head: HeadJson


class PullRequestJson(Struct, frozen=True):
    """The event `pull_request` of GitHub or Gitea."""

    action: str
    number: Number
    pull_request: PullJson
    repository: RepositoryJson
    sender: LoginJson


def pulled(given: PullRequestJson, kinds: Mapping[str, HookKind], label: str = "") -> Hook | Passed:
    """What happened to a pull request, if its action is one of `kinds`; `label` counts where one was added."""
    kind = kinds.get(given.action)
    if kind is None:
        return Passed(why="an action that starts nothing")
    return Hook(
        delivery="",
        kind=kind,
        repository=given.repository.full_name,
        number=given.number,
        head=given.pull_request.head.sha,
        label=label if kind is HookKind.LABELLED else "",
        author=given.sender.login,
    )


def decoded(body: bytes, shape: type[ShapeT]) -> ShapeT:
    """A payload. Raises UsageError that names the field which is wrong."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        message = str(error)
        raise UsageError(f"{message[:1].lower()}{message[1:]}", where="body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("this is not JSON", where="body") from None


def commented(*, repository: str, number: int, author: str, comment: str, ident: int, head: str = "") -> Hook | Passed:
    """A new comment, if it may hold a command: the others are neither kept nor looked at again."""
    text = comment[:LONGEST_COMMENT]
    if PREFIX not in text.casefold():
        return Passed(why="a comment without a command")
    return Hook(
        delivery="",
        kind=HookKind.COMMENTED,
        repository=repository,
        number=number,
        head=head,
        author=author,
        comment=text,
        comment_id=str(ident),
    )
