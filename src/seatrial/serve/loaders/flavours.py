"""Which library a model is for, from its name and its first bytes: nothing is imported or opened for it."""

import difflib
import re
from pathlib import Path

from seatrial.records import UsageError

SKLEARN, ONNX, MLFLOW, XGBOOST = "sklearn", "onnx", "mlflow", "xgboost"
LIGHTGBM, PYTHON, TORCH = "lightgbm", "python", "torch"

PICKLES = (".joblib", ".pkl", ".pickle")
_SUFFIXES = {
    **dict.fromkeys((*PICKLES, ".skops"), SKLEARN),
    ".onnx": ONNX,
    **dict.fromkeys((".ubj", ".xgb", ".bst", ".json"), XGBOOST),
    **dict.fromkeys((".txt", ".lgb"), LIGHTGBM),
    **dict.fromkeys((".pt", ".pt2"), TORCH),
}
_KNOWN = (
    f"known: {', '.join(_SUFFIXES)}, a directory with MLmodel or with several {', '.join(PICKLES)} or .skops files, "
    "and module:Class"
)
_BY_CONTENT = {".json", ".txt"}
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_HEAD = 4096


def identify(model: str | Path) -> str:
    """The flavour of a model: `sklearn`, `onnx`, `mlflow`, `xgboost`, `lightgbm`, `python` or `torch`.

    Args:
        model: a path, or `module:Class`.

    Raises:
        UsageError: there is nothing of that name, nothing known ends like that, or the file is something else.
    """
    if is_reference(str(model)):
        return PYTHON
    path = Path(model)
    if path.is_dir():
        return _of_directory(path)
    if not path.is_file():
        raise UsageError("there is no model", where=str(model), remedy=_similar(path))
    return _of_file(path)


def is_reference(model: str) -> bool:
    """Whether this names a Python class, `module:Class`, and no file."""
    return _REFERENCE.fullmatch(model) is not None and not Path(model).exists()


def artifacts(directory: Path) -> list[Path]:
    """The files directly in a directory that hold models or parts of models, sorted by name."""
    return [path for path in sorted(directory.iterdir()) if path.is_file() and _holds_a_model(path)]


def _holds_a_model(path: Path) -> bool:
    """Plain text and JSON lie in many directories; there they count only if their content says so."""
    return path.suffix in _SUFFIXES and (path.suffix not in _BY_CONTENT or _looks_right(path))


def _of_directory(directory: Path) -> str:
    if (directory / "MLmodel").is_file():
        return MLFLOW
    found = artifacts(directory)
    if not found:
        raise UsageError("no model is in this directory", where=str(directory), remedy=_KNOWN)
    flavours = {_SUFFIXES[path.suffix] for path in found}
    if len(found) > 1 and flavours != {SKLEARN}:
        names = ", ".join(path.name for path in found)
        remedy = "name one of them; only scikit-learn artifacts are chained"
        raise UsageError(f"this directory holds several models: {names}", where=str(directory), remedy=remedy)
    return flavours.pop()


def _of_file(path: Path) -> str:
    if path.name == "MLmodel":
        raise UsageError("this is the description of a model", where=str(path), remedy=f"serve {path.parent}")
    flavour = _SUFFIXES.get(path.suffix)
    if flavour is None:
        raise UsageError(f"no model is known to end with {path.suffix or path.name}", where=str(path), remedy=_KNOWN)
    if not _looks_right(path):
        raise UsageError(f"this is no {_TITLES[flavour]} model", where=str(path), remedy=_KNOWN)
    return flavour


_TITLES = {
    SKLEARN: "scikit-learn",
    ONNX: "ONNX",
    XGBOOST: "XGBoost",
    LIGHTGBM: "LightGBM",
    TORCH: "TorchScript or exported torch",
}


def _looks_right(path: Path) -> bool:
    """Whether the first bytes are what the suffix says; pickles and ONNX have no mark of their own."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise UsageError(f"the model can't be read: {error.strerror}", where=str(path)) from error
    if not head:
        return False
    flavour = _SUFFIXES[path.suffix]
    if flavour == XGBOOST:
        return b"learner" in head
    if flavour == LIGHTGBM:
        return head.startswith(b"tree")
    return not (flavour == TORCH or path.suffix == ".skops") or head.startswith(b"PK")


def _similar(path: Path) -> str:
    """A file beside it that was probably meant."""
    if not path.parent.is_dir():
        return f"there is no directory {path.parent} either"
    names = [each.name for each in path.parent.iterdir() if each.suffix in _SUFFIXES or each.is_dir()]
    match = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / match[0]}?" if match else _KNOWN
