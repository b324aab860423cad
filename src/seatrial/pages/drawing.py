"""Draws plots, as a process of its own: Vega-Lite on standard input, PNG (base64) on standard output, a line each.

The renderer holds the interpreter's lock for up to seconds. In a server nobody could take a canary's requests back in that
time; in a process of its own it keeps nobody.
"""

import sys
from base64 import b64encode


def main() -> None:
    """Draw them."""
    import vl_convert  # noqa: PLC0415 - an extra

    for spec in sys.stdin:
        sys.stdout.write(b64encode(vl_convert.vegalite_to_png(spec, scale=1.5)).decode() + "\n")


if __name__ == "__main__":
    main()
