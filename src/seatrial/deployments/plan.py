"""What is to be done so that a deployment becomes what is wanted: a pure function of the wish and of what is there.

It is asked again and again and keeps nothing in mind: whatever happened in between, and whoever did it, the next plan
leads on from there. What it never does:

- start a second instance of a replica that is there; only while a deployment is replaced by another version or other
  settings does the old one stay until the new one is ready, at one place at a time;
- start what failed before its pause is over;
- stop what answers because something new does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.deployments.backoff import due
from seatrial.deployments.state import DOOR, Phase, Seen, World
from seatrial.records import DeployWish


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Lay files, code and stack for what is wanted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    """Start the program that holds the address; `take`: hand it the socket that the one before it held."""

    take: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a replica."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Tell an instance to end; `failed` says what was wrong with it, where that counts as a failure of its place."""

    cell: str
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bury:
    """Take note of an instance that ended by itself."""

    cell: str


Action = Prepare | OpenDoor | Start | Stop | Bury


def plan(wish: DeployWish, world: World) -> tuple[Action, ...]:
    """What to do now; empty where all is as wanted, or nothing can be done yet."""
    ended = tuple(Bury(cell=seen.cell) for seen in world.instances if seen.phase is Phase.ENDED)
    if wish.replicas == 0:
        return (*ended, *(Stop(cell=seen.cell) for seen in _doors_first(world) if seen.lives))
    return (*ended, *_stops(wish, world), *_openings(world), *_starts(wish, world))


def _doors_first(world: World) -> list[Seen]:
    """Newcomers are refused before those inside are sent away."""
    return sorted(world.instances, key=lambda seen: seen.index)


def _stops(wish: DeployWish, world: World) -> Iterator[Stop]:
    for seen in world.instances:
        if not seen.lives:
            continue
        if seen.sick:
            yield Stop(cell=seen.cell, failed=seen.sick)
        elif (
            seen.index >= world.can_have(wish.replicas)
            or _is_surplus(seen, world)
            or _is_replaced(seen, world)
            or (seen.behind_door and _is_lost(world))
        ):
            yield Stop(cell=seen.cell)


def _is_surplus(seen: Seen, world: World) -> bool:
    """Whether there is another of the very same kind at its place; the one that is ready stays, else the first."""
    same = [other for other in world.living(seen.index) if other.fingerprint == seen.fingerprint]
    keep = next((other for other in same if other.phase is Phase.READY), same[0])
    return keep.cell != seen.cell


def _is_replaced(seen: Seen, world: World) -> bool:
    """Whether it is outdated, and what replaces it answers or can't start beside it."""
    if seen.index == DOOR or seen.fingerprint == world.fingerprint:
        return False
    if world.is_ready(seen.index):
        return True
    return world.prepared and not world.shared and due(world.place(seen.index).not_before, world.now)


def _is_lost(world: World) -> bool:
    """Whether the socket behind the door can be had from nobody but the replicas, who can't hand it on."""
    doors = [seen for seen in world.instances if seen.index == DOOR and seen.phase is not Phase.ENDED]
    return not doors and not world.spare_socket and _door_is_due(world)


def _openings(world: World) -> Iterator[OpenDoor]:
    if not world.shared or any(seen.index == DOOR for seen in world.instances) or not _door_is_due(world):
        return
    if world.spare_socket:
        yield OpenDoor(take=True)
    elif not any(seen.behind_door for seen in world.instances):
        yield OpenDoor()


def _door_is_due(world: World) -> bool:
    return due(world.place(DOOR).not_before, world.now)


def _starts(wish: DeployWish, world: World) -> Iterator[Prepare | Start]:
    wanted = [
        index for index in range(world.can_have(wish.replicas)) if not world.fresh(index) and _may_start(index, world)
    ]
    if not wanted:
        return
    if not world.prepared:
        if not world.preparation.running and due(world.preparation.not_before, world.now):
            yield Prepare()
        return
    if world.shared and not any(seen.phase is Phase.READY for seen in world.living(DOOR)):
        return
    surging = any(_is_surging(index, world) for index in range(wish.replicas))
    for index in wanted:
        if world.living(index):
            if surging or not world.shared:
                continue
            surging = True
        yield Start(index=index)


def _may_start(index: int, world: World) -> bool:
    """Whether its pause is over, as far as the end of what was there is known, and nobody still has its port."""
    phases = {seen.phase for seen in world.instances if seen.index == index}
    if Phase.ENDED in phases or (Phase.STOPPING in phases and not world.shared):
        return False
    return due(world.place(index).not_before, world.now)


def _is_surging(index: int, world: World) -> bool:
    """Whether a place holds both what was wanted and what is."""
    return bool(world.fresh(index)) and len(world.living(index)) > len(world.fresh(index))
