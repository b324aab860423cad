"""Collecting from Kafka: a real broker, and a collector that is killed."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.stream.kafka import KafkaStream
from seatrial.records import CollectSpec, Span, StreamSpec
from seatrial.retrain.collect import collect
from tests.retrain.collect.collecting import BROKEN, dead_lines, places, ratings
from tests.retrain.parse.batches import regex_parser
from tests.streams.kafka import Broker

# A member that is killed is missed after a second.
SETTINGS = {"session.timeout.ms": "1000", "heartbeat.interval.ms": "200"}
PROGRAM = """
import os, signal, sys
from pathlib import Path
from seatrial.adapters.stream.kafka import KafkaStream
from seatrial.records import CollectSpec, StreamKind, StreamSpec
from seatrial.retrain.collect import collect
from seatrial.testing import FakeClock
from tests.retrain.collect.test_kafka import SETTINGS
from tests.retrain.parse.batches import regex_parser

servers, topic, group, folder = sys.argv[1:]
clock = FakeClock()

def stop():
    clock.sleep(1)
    return False

def watch(progress):
    if progress.lines:
        os.kill(os.getpid(), signal.SIGKILL)

spec = StreamSpec(kind=StreamKind.KAFKA, servers=servers, topics=(topic,), group=group, settings=SETTINGS)
collect(
    KafkaStream(spec), {}, CollectSpec(), regex_parser(), folder=Path(folder), clock=clock, most_dead=1.0, stop=stop,
    watch=watch,
)
"""


@pytest.mark.slow
def test_a_collector_that_is_killed_loses_and_doubles_nothing(kafka: Broker, tmp_path: Path) -> None:
    """Begun again in the same folder and group it brings every line once, the poison message among the dead."""
    topic = kafka.topic(partitions=2)
    kafka.put(topic, [*ratings(15_000), b"\xff\x00" * 100_000, None])
    kafka.put(topic, [*ratings(5_000), BROKEN], partition=1)
    spec: StreamSpec = replace(kafka.spec(topic), settings=SETTINGS)
    told = [kafka.servers, topic, spec.group, str(tmp_path)]
    assert -signal.SIGKILL == subprocess.run([sys.executable, "-c", PROGRAM, *told], check=False).returncode
    found = collect(
        KafkaStream(spec), {}, CollectSpec(), regex_parser(), folder=tmp_path, clock=SystemClock(), most_dead=1.0
    )
    one, two = f"{topic}/0", f"{topic}/1"
    assert [(one, offset) for offset in range(15_000)] + [(two, offset) for offset in range(5_000)] == places(
        found.file
    )
    assert {one: Span(start=0, end=15_002), two: Span(start=0, end=5_001)} == found.spans
    assert [(one, 15_000, "base64"), (two, 5_000, None)] == [
        (line["partition"], line["offset"], line.get("encoding")) for line in dead_lines(found)
    ]
    assert (20_003, 1, 0) == (found.counts["lines"], found.counts["empty"], found.counts["lost"])
