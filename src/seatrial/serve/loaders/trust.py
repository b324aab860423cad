"""Unpickling runs whatever code the file holds, so that an operator can say which files may be opened at all."""

from collections.abc import Iterable

from seatrial.records import UsageError

_REMEDY = "if you know where it comes from: --trusted-digest "


def check_trust(where: str, digests: Iterable[str], trusted: frozenset[str]) -> tuple[str, ...]:
    """Refuse an artifact that would run code and isn't trusted.

    Args:
        where: the artifact.
        digests: any of which may be trusted: of the file, and of the directory that it lies in.
        trusted: what the operator trusts; empty trusts the artifact that was named.

    Returns:
        Sentences for the log: how to pin the artifact, where nothing is pinned.

    Raises:
        UsageError: something is trusted, but not this artifact.
    """
    known = list(digests)
    if not trusted:
        return (f"{where}: opening it runs the code that it holds; pin it with --trusted-digest {known[0]}",)
    if is_trusted(known, trusted):
        return ()
    raise UsageError(
        f"this artifact can run code and isn't trusted: {known[0]}", where=where, remedy=_REMEDY + known[0]
    )


def is_trusted(digests: Iterable[str], trusted: frozenset[str]) -> bool:
    """Whether the operator named one of these digests."""
    return not {digest.lower() for digest in digests}.isdisjoint(digest.lower() for digest in trusted)
