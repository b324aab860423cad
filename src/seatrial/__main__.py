"""`python -m seatrial` is `seatrial`."""

from seatrial.cli.entry import main

if __name__ == "__main__":
    main()
