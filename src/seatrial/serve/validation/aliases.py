"""A name for what bodies hold, so that a signature says more than "anything"."""

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A JSON value as msgspec decodes it: None, bool, int, float, str, list or dict with string keys."""
