"""Bounds of one request's content; a module of its own, so that options can be read without numpy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one request: rows, and levels of nesting of its JSON."""

    rows: int = 10_000
    depth: int = 32
