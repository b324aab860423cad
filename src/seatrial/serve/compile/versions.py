"""Which packages decide what a compiled model answers, and their versions in this environment."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

PACKAGES: Final = ("numpy", "onnxruntime", "scikit-learn", "skl2onnx")


def versions() -> dict[str, str]:
    """Their versions; those that are not installed are left out."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
