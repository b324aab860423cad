"""Draws one plot, as a process of its own: Vega-Lite on standard input, PNG on standard output.

The renderer holds the interpreter's lock for up to seconds. In a server nobody could take a canary's requests back in that
time; in a process of its own it keeps nobody.
"""

import sys


def main() -> None:
    """Draw it."""
    import vl_convert  # noqa: PLC0415 - an extra

    sys.stdout.buffer.write(vl_convert.vegalite_to_png(sys.stdin.read(), scale=1.5))


if __name__ == "__main__":
    main()
