"""Writes the held-out wines as requests, one a line: `wine` (the body), `quality` (the label), `alcohol` (for slices).

Needs only the standard library. The result is made from data that is not ours to publish: keep it out of git.
"""

import argparse
import json
from pathlib import Path

from dataset import FEATURES, Wine, add_data_argument, split


def line(wine: Wine) -> str:
    """One wine as a JSON object."""
    body = dict(zip(FEATURES, wine.features, strict=True))
    return json.dumps({"wine": body, "quality": wine.quality, "alcohol": body["alcohol"]})


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("requests.jsonl"))
    arguments = parser.parse_args()
    _, held_out = split(arguments.data)
    arguments.out.write_text("".join(f"{line(wine)}\n" for wine in held_out), encoding="utf-8")
    print(f"{len(held_out)} requests in {arguments.out}")


if __name__ == "__main__":
    main()
