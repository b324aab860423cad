"""Who may look at the pages: whoever knows the password, or, without one, whoever sits at this machine.

The port is open to the forge, and often to the world, because webhooks come in by it. Reports of private repositories
must not be on it for everyone.
"""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import Final

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class Access(Enum):
    """Whether somebody may look."""

    GRANTED = "granted"
    ASK = "ask"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """What a request tells of who sent it.

    Attributes:
        peer: address at the other end of the connection.
        host: the `Host` header, by which a page elsewhere that was led here is told (DNS rebinding).
        forwarded: whether a proxy says that it sent the request for somebody else.
        authorization: the header of that name.
    """

    peer: str
    host: str
    forwarded: bool = False
    authorization: str = ""


def access(visitor: Visitor, password: str) -> Access:
    """Whether somebody may look; with a password, whoever has not sent it is asked for it."""
    if password:
        return Access.GRANTED if _knows(visitor.authorization, password) else Access.ASK
    at_home = _is_loopback(visitor.peer) and not visitor.forwarded and _is_loopback(_without_port(visitor.host))
    return Access.GRANTED if at_home else Access.DENIED


def is_forwarded(names: object) -> bool:
    """Whether headers of these names are those of a proxy."""
    return any(name in names for name in _FORWARDED)  # type: ignore[operator] # a multidict of headers


def _knows(authorization: str, password: str) -> bool:
    """HTTP Basic, with any user name: what browsers ask for by themselves."""
    kind, _, encoded = authorization.partition(" ")
    if kind.casefold() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, password.encode())


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
