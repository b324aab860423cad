"""Fetch the uv that `uv.lock` pins, with nothing but Python's standard library.

A bare Debian or Ubuntu python3 has neither pip nor venv. The lock names every wheel of uv with its address and sha256;
this takes the one for this machine, checks it, and unpacks the program.

Usage: python3 scripts/bootstrap_uv.py TARGET
"""

import hashlib
import io
import platform
import sys
import tomllib
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def wheel() -> dict[str, str]:
    """The locked wheel of uv for this machine. Exits with a message if there is none."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    package = next(entry for entry in lock["package"] if entry["name"] == "uv")
    libc = "musllinux" if platform.libc_ver()[0] != "glibc" else "manylinux"
    for candidate in package["wheels"]:
        if libc in candidate["url"] and platform.machine() in candidate["url"]:
            return dict(candidate)
    sys.exit(f"uv has no wheel for {platform.machine()} with {libc}; install uv yourself and put it on PATH")


def main(target: Path) -> None:
    """Write the program to `target`."""
    chosen = wheel()
    with urllib.request.urlopen(chosen["url"], timeout=120) as answer:
        data = answer.read()
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != chosen["hash"]:
        sys.exit("the wheel of uv doesn't match the digest in uv.lock; nothing was installed")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".data/scripts/uv"))
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        fresh.write_bytes(archive.read(name))
    fresh.chmod(0o755)
    fresh.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
