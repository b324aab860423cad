"""Trains `model.npz` on a simulated week, for `seatrial trial` of a change to the code where no loop has made a model yet."""

from datetime import timedelta
from pathlib import Path

from train import train
from world import EPOCH, World

RATINGS = 12_000


def main() -> None:
    """Train and write."""
    ratings = World().ratings(EPOCH, EPOCH + timedelta(days=7), RATINGS, stream=1)
    model = train({(str(each.user), each.movie): float(each.rating) for each in ratings}, seed=0)
    model.save(Path("model.npz"))
    print(f"{len(model.movies)} movies, {len(model.users)} users")


if __name__ == "__main__":
    main()
