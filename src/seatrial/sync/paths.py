"""Paths as texts with slashes between their names."""


def folders_above(path: str) -> list[str]:
    """Every folder on the way to a path, the outermost first: `a` and `a/b` of `a/b/c`."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
