"""Whether a delivery comes from the forge: everything is compared in constant time, and nothing is read before.

GitHub, Gitea and Forgejo sign the body. GitLab sends the secret itself, or signs id, time and body as the Standard
Webhooks specification has it (https://www.standardwebhooks.com) where the secret is a signing token (`whsec_…`).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from multidict import CIMultiDictProxy

from seatrial.records import ForgeKind

TOLERANCE: Final = 300.0
"""Seconds that the time of a signed delivery may differ from ours."""

STANDARD: Final = "whsec_"
"""How the signing tokens of Standard Webhooks begin."""
_SHA256: Final = "sha256="
_SIGNED_BY_GITEA: Final = (("X-Forgejo-Signature", ""), ("X-Gitea-Signature", ""), ("X-Hub-Signature-256", _SHA256))
_IDS: Final[Mapping[ForgeKind, Sequence[str]]] = {
    ForgeKind.GITHUB: ("X-GitHub-Delivery",),
    # Not X-Gitlab-Event-UUID: what one webhook brings about has the same as the webhook.
    ForgeKind.GITLAB: ("webhook-id", "Idempotency-Key"),
    ForgeKind.GITEA: ("X-Forgejo-Delivery", "X-Gitea-Delivery"),
}
_ID = re.compile(r"[!-~]{1,200}")

Headers = CIMultiDictProxy[str]


def is_genuine(kind: ForgeKind, headers: Headers, body: bytes, secret: str, now: datetime) -> bool:
    """Whether who sent this knows the secret.

    Args:
        kind: of the forge.
        headers: of the request.
        body: as it came.
        secret: that the webhook was made with.
        now: our time; GitLab's signature holds for a while only.
    """
    return bool(secret) and _CHECKS[kind](headers, body, secret, now)


def digest_of(body: bytes) -> str:
    """Tells deliveries apart by what was signed."""
    return hashlib.sha256(body).hexdigest()


def delivery_of(kind: ForgeKind, headers: Headers, digest: str) -> str:
    """The forge's id of a delivery; that of its body where it has none that can be kept."""
    given = (_only(headers, name) for name in _IDS[kind])
    return next((found for found in given if _ID.fullmatch(found)), digest)


def _github(headers: Headers, body: bytes, secret: str, _now: datetime) -> bool:
    return _same(_only(headers, "X-Hub-Signature-256"), _SHA256 + _signature(secret.encode(), body).hex())


def _gitea(headers: Headers, body: bytes, secret: str, _now: datetime) -> bool:
    """The first signature that is there counts, so that a wrong one is not made good by another."""
    signature = _signature(secret.encode(), body).hex()
    found = next(((name, prefix) for name, prefix in _SIGNED_BY_GITEA if name in headers), None)
    return found is not None and _same(_only(headers, found[0]), found[1] + signature)


def _gitlab(headers: Headers, body: bytes, secret: str, now: datetime) -> bool:
    if not secret.startswith(STANDARD):
        return _same(_only(headers, "X-Gitlab-Token"), secret)
    key, ident, moment = _key(secret), _only(headers, "webhook-id"), _only(headers, "webhook-timestamp")
    if not key or not moment.isascii() or not moment.isdecimal() or len(moment) > len("9999999999"):
        return False
    if abs(now.timestamp() - int(moment)) > TOLERANCE:
        return False
    signed = b".".join((_bytes(ident), moment.encode(), body))
    expected = "v1," + base64.b64encode(_signature(key, signed)).decode()
    # While a token is replaced there are several.
    checked = [_same(given, expected) for given in _only(headers, "webhook-signature").split(" ")]
    return any(checked)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(STANDARD), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _signature(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(_bytes(given), expected.encode())


def _bytes(header: str) -> bytes:
    """A header as it came; aiohttp keeps bytes that are no UTF-8 as halves of surrogate pairs."""
    return header.encode("utf-8", "surrogateescape")


def _only(headers: Headers, name: str) -> str:
    """A header; empty where it isn't there, or is there twice, so that two readers could take different ones."""
    found = headers.getall(name, [])
    return found[0] if len(found) == 1 else ""


_CHECKS: Final[Mapping[ForgeKind, Callable[[Headers, bytes, str, datetime], bool]]] = {
    ForgeKind.GITHUB: _github,
    ForgeKind.GITLAB: _gitlab,
    ForgeKind.GITEA: _gitea,
}
