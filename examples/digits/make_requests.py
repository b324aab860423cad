"""Writes `requests.jsonl`: the held-out digits with their labels, one request a line.

`ink` (light, medium, heavy: thirds by mean pixel) lets the report say whether thin handwriting is served worse.
"""

import json
from pathlib import Path

import numpy as np
from dataset import split

REQUESTS_FILE = Path(__file__).with_name("requests.jsonl")


def lines() -> list[str]:
    """One JSON object a held-out digit: `inputs` (64 whole numbers), `label` and `ink`."""
    _, pixels, _, labels = split()
    means = pixels.mean(axis=1)
    ink = np.array(["light", "medium", "heavy"])[np.searchsorted(np.quantile(means, [1 / 3, 2 / 3]), means)]
    return [
        json.dumps({"inputs": row, "label": label, "ink": str(shade)}, separators=(",", ":"))
        for row, label, shade in zip(pixels.astype(int).tolist(), labels.tolist(), ink, strict=True)
    ]


def main() -> None:
    """Write the file beside this script."""
    REQUESTS_FILE.write_text("\n".join(lines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
