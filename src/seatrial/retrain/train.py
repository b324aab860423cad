"""Trains a model, and sees to it that the one that is judged is the one that will be registered and served.

What the trainer wrote goes into the store first. What is asked for predictions afterwards is laid out again from there,
so that its digest is that of the files which the registry gets, whatever happens to the trainer's folder.
"""

import shutil
from pathlib import Path

from seatrial.records import PermanentError, SplitResult, Trained, TrainSpec, UsageError
from seatrial.registry.artifacts import check_model, keep_artifact, lay_artifact
from seatrial.registry.listing import digest_of_path
from seatrial.retrain.commands import Job, Place, run_job
from seatrial.wording.text import one_line


def train(spec: TrainSpec, split: SplitResult, place: Place) -> Trained:
    """Train on one side of the split; done again, it trains again.

    Raises:
        UsageError: the stack or command can't be understood, or it wrote no model or several.
        PermanentError: it failed, took too long or too much memory.
        TemporaryError: the stack can't be had for now, or it was to stop.
    """
    output = fresh_folder(place.folder / "output")
    done = run_job(
        Job(
            name="train",
            what="the train command",
            command=spec.train,
            spec=spec,
            told={"SEATRIAL_DATA": split.train_file, "SEATRIAL_OUTPUT": str(output)},
        ),
        place,
    )
    artifact = keep_artifact(_model_in(output, spec.artifact), place.store)
    model = lay_artifact(artifact, place.store, fresh_folder(place.folder / "candidate"))
    shutil.rmtree(output, ignore_errors=True)
    return Trained(
        path=str(model),
        digest=artifact.digest,
        stack=done.stack.digest,
        seconds=done.seconds,
        log=str(place.log("train")),
        cpu_seconds=done.cpu_seconds,
        memory_peak=done.memory_peak,
    )


def check_unchanged(path: Path, digest: str, whose: str) -> None:
    """Raises PermanentError if the files at `path` are no longer those of `digest`."""
    if not path.exists() or digest_of_path(path) != digest:
        raise PermanentError(
            f"the files of {whose} changed after they were stored: nothing that is found of them counts",
            where=str(path),
            remedy="have the commands write into SEATRIAL_OUTPUT only",
        )


def fresh_folder(folder: Path) -> Path:
    """The folder, empty. Raises PermanentError if it can't be."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise PermanentError(
            f"the run's folder can't be written: {error.strerror}", where=str(folder), remedy="free space there"
        ) from error
    return folder


def _model_in(output: Path, name: str) -> Path:
    """What the trainer wrote. Raises UsageError if that is not one model."""
    if name:
        check_model(output / name)
        return output / name
    found = sorted(output.iterdir())
    if len(found) == 1:
        check_model(found[0])
        return found[0]
    if not found:
        raise UsageError(
            "the train command wrote no model",
            where="train.train",
            remedy="have it write the model into the folder that SEATRIAL_OUTPUT names",
        )
    names = one_line(", ".join(path.name for path in found))
    raise UsageError(
        f"the train command wrote several things: {names}",
        where="train.artifact",
        remedy="name the one that is the model, or have it write a folder",
    )
