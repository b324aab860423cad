"""A directory with the parts of one model (scaler and forest, each in its own file), chained as a pipeline.

The order of the parts is seen from what they take and give; where that leaves a choice, the owner tells it.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise, permutations
from pathlib import Path
from typing import NamedTuple

from seatrial.records import UsageError
from seatrial.serve.loaders import digests, sklearn
from seatrial.serve.loaders.flavours import artifacts
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require
from seatrial.serve.signature.columns import Estimator, takes_text
from seatrial.serve.signature.estimator import classes_of
from seatrial.serve.signature.file import closest

_MOST_ORDERS = 5040


class Part(NamedTuple):
    """One artifact: its name without the suffix, and what was in it."""

    name: str
    estimator: Estimator


def load(source: Source) -> Loaded:
    """Open all scikit-learn artifacts of a directory and chain them.

    Raises:
        UsageError: one isn't trusted or can't be opened, none or several can predict, they don't fit together, or
            several orders are possible.
    """
    directory = source.artifact
    paths = _selected(directory, source.steps)
    contents = {path: digests.read(path) for path in paths}
    read = {path.relative_to(directory).as_posix(): digests.of_bytes(content) for path, content in contents.items()}
    digest = digests.of_parts(digests.parts_of(directory) | read)
    opened = {
        path: sklearn.open_content(content, path, (digests.of_bytes(content), digest), source.trusted)
        for path, content in contents.items()
    }
    warnings = tuple(warning for artifact in opened.values() for warning in artifact.warnings)
    parts = [Part(path.stem, artifact.thing) for path, artifact in opened.items()]
    return _chained(parts, str(directory), digest, warnings, ordered=bool(source.steps))


def _selected(directory: Path, steps: Sequence[str]) -> list[Path]:
    """The artifacts in the order of `steps`, or all of them by name."""
    by_name: dict[str, Path] = {}
    for path in artifacts(directory):
        if path.stem in by_name:
            remedy = "remove one of them"
            raise UsageError(
                f"{path.name} and {by_name[path.stem].name} are the same step", where=str(directory), remedy=remedy
            )
        by_name[path.stem] = path
    for step in steps:
        if step not in by_name:
            raise UsageError(
                f"there is no artifact for the step {step}", where=str(directory), remedy=closest(step, by_name)
            )
    return [by_name[step] for step in steps] or list(by_name.values())


def _chained(parts: Sequence[Part], where: str, digest: str, warnings: tuple[str, ...], *, ordered: bool) -> Loaded:
    encoders = [part for part in parts if type(part.estimator).__name__ == "LabelEncoder"]
    parts = [part for part in parts if part not in encoders]
    if len(parts) == 1:
        loaded = sklearn.of_object(parts[0].estimator, where, digest, warnings)
    else:
        chain = _checked(parts, where) if ordered else _order(parts, where)
        loaded = sklearn.of_estimator(_pipeline(chain), digest, warnings)
    return _with_labels(loaded, encoders[0].estimator) if encoders else loaded


def _with_labels(loaded: Loaded, encoder: Estimator) -> Loaded:
    """The encoder's labels in place of the 0, 1, 2 … that the model was trained with."""
    labels = classes_of(encoder)
    if loaded.signature.classes != tuple(range(len(labels))):
        return loaded
    return replace(loaded, signature=replace(loaded.signature, classes=labels))


def _pipeline(chain: Sequence[Part]) -> Estimator:
    pipeline = require("sklearn.pipeline", install="scikit-learn")
    return pipeline.Pipeline([(part.name.replace("__", "_"), part.estimator) for part in chain])


def _order(parts: Sequence[Part], where: str) -> Sequence[Part]:
    """The only order in which the parts fit together: transformers, then what predicts."""
    models = [part for part in parts if hasattr(part.estimator, "predict")]
    if len(models) != 1:
        raise _undecided(parts, where, _how_many(models))
    transformers = [part for part in parts if part is not models[0]]
    _refuse_others(transformers, where)
    orders = ([*order, models[0]] for order in islice(permutations(transformers), _MOST_ORDERS))
    fitting = list(islice((order for order in orders if _fit_together(order)), 2))
    if not fitting:
        raise UsageError(_mismatch([*transformers, models[0]]), where=where)
    if len(fitting) > 1:
        raise _undecided(parts, where, "more than one order of the steps is possible")
    return fitting[0]


def _checked(parts: Sequence[Part], where: str) -> Sequence[Part]:
    """The parts in the owner's order."""
    _refuse_others(parts[:-1], where)
    if not hasattr(parts[-1].estimator, "predict"):
        raise UsageError(f"the last step, {parts[-1].name}, can't predict", where=where)
    if not _fit_together(parts):
        raise UsageError(_mismatch(parts), where=where)
    return parts


def _refuse_others(transformers: Sequence[Part], where: str) -> None:
    for part in transformers:
        if not hasattr(part.estimator, "transform"):
            what = f"{part.name} holds a {type(part.estimator).__name__}, which neither transforms nor predicts"
            raise UsageError(what, where=where, remedy="move it elsewhere, or leave it out of steps in signature.yaml")


def _how_many(models: Sequence[Part]) -> str:
    if not models:
        return "nothing in this directory can predict"
    return f"several artifacts can predict: {', '.join(part.name for part in models)}"


def _undecided(parts: Sequence[Part], where: str, what: str) -> UsageError:
    example = ", ".join(part.name for part in sorted(parts, key=lambda part: hasattr(part.estimator, "predict")))
    return UsageError(
        what, where=where, remedy=f"say in signature.yaml which come in which order, as in steps: [{example}]"
    )


def _fit_together(chain: Sequence[Part]) -> bool:
    return all(_fits(before.estimator, after.estimator) for before, after in pairwise(chain))


def _fits(before: Estimator, after: Estimator) -> bool:
    """Whether one step gives as many columns as the next takes; what isn't known fits."""
    if takes_text(after):
        return False
    gives, takes = _width_out(before), getattr(after, "n_features_in_", None)
    return gives is None or takes is None or gives == takes


def _width_out(transformer: Estimator) -> int | None:
    try:
        return len(transformer.get_feature_names_out())
    except Exception:  # noqa: BLE001 - not all transformers can tell, and each fails in its own way
        return None


def _mismatch(chain: Sequence[Part]) -> str:
    widths = (
        f"{part.name} takes {getattr(part.estimator, 'n_features_in_', 'any')} and gives {_width_out(part.estimator)}"
        for part in chain[:-1]
    )
    last = f"{chain[-1].name} takes {getattr(chain[-1].estimator, 'n_features_in_', 'any')}"
    return f"the steps don't fit together: {'; '.join([*widths, last])} columns"
