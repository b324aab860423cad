"""Where a signature file lies when nobody names it: beside the model, or inside its directory."""

from pathlib import Path

_NAMES = ("signature.yaml", "signature.yml", "signature.json")


def find(artifact: Path) -> Path | None:
    """The signature file of an artifact.

    Of a file `forest.joblib`, `forest.signature.yaml` comes before `signature.yaml` in the same directory; of a
    directory, only `signature.yaml` inside it counts. `.yml` and `.json` are looked for as well. A Python class has
    its signature as an attribute, so that nothing is found for what is no file.
    """
    if not artifact.exists():
        return None
    return next((path for path in _candidates(artifact) if path.is_file()), None)


def _candidates(artifact: Path) -> list[Path]:
    if artifact.is_dir():
        return [artifact / name for name in _NAMES]
    own = [artifact.with_name(f"{artifact.stem}.{name}") for name in _NAMES]
    return own + [artifact.with_name(name) for name in _NAMES]
