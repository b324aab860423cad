"""Streams of events: a folder, or topics of Kafka."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.ports import Stream
    from seatrial.records import StreamSpec


def open_stream(spec: "StreamSpec", project: Path, environ: Mapping[str, str]) -> "Stream":
    """What reads and writes one stream; needs no closing, and asks nothing yet.

    Args:
        spec: which; `${NAME}` in its settings refers to `environ`.
        project: folder that a stream's folder is relative to.
        environ: the environment.

    Raises:
        UsageError: a variable isn't set, a setting is not the user's to make, or the package for Kafka isn't installed.
    """
    from seatrial.records import StreamKind, UsageError

    if spec.kind is StreamKind.FILES:
        from seatrial.adapters.stream.files import FileStream

        return FileStream(project / spec.folder, first=spec.first)
    try:
        from seatrial.adapters.stream.kafka import KafkaStream
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Kafka needs a package that is not installed: {error.name}",
            where="stream.kafka",
            remedy="pip install 'seatrial[retrain]'",
        ) from error
    return KafkaStream(_filled(spec, environ))


def _filled(spec: "StreamSpec", environ: Mapping[str, str]) -> "StreamSpec":
    from dataclasses import replace

    from seatrial.trial.build.environment import filled

    def text(value: str, key: str) -> str:
        return filled(value, environ, what=f"stream.{key}", where="retrain")

    return replace(
        spec,
        servers=text(spec.servers, "kafka"),
        settings={key: text(value, f"settings.{key}") for key, value in spec.settings.items()},
    )
