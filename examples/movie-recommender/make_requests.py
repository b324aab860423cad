"""Writes the requests of a trial, one a line: `body` (user and movie), `user` (for slices and intervals), `rating` (the label).

They are ratings of the README's two weeks that are in no stream, some by users and of movies that came in the second. They tell a
model that works from one that doesn't. Which of two knows better what people like now, the gate of the retraining says, on
the newest rows; this file grows old.
"""

import argparse
import json
from datetime import timedelta
from pathlib import Path

from world import EPOCH, Rating, World

COUNT = 600


def line(rating: Rating) -> str:
    """One request as a JSON object."""
    body = {"user": rating.user, "movie": rating.movie}
    return json.dumps({"body": body, "user": rating.user, "rating": rating.rating})


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the world (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("requests.jsonl"))
    arguments = parser.parse_args()
    ratings = World(arguments.seed).ratings(EPOCH, EPOCH + timedelta(days=14), COUNT)
    lines = [line(rating) for rating in ratings]
    arguments.out.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    print(f"{len(lines)} requests in {arguments.out}")


if __name__ == "__main__":
    main()
