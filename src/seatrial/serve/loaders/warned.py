"""What libraries warn of while a model is opened: sentences for the log instead of lines on stderr."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@contextmanager
def noted_warnings(where: str) -> Iterator[list[str]]:
    """Collect warnings, each once and on one line; what is meant for developers of libraries is dropped.

    Args:
        where: the model, as the first words of each sentence.

    Yields:
        A list that is filled when the block ends.
    """
    sentences: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for category in _FOR_DEVELOPERS:
            warnings.simplefilter("ignore", category)
        yield sentences
    sentences += dict.fromkeys(f"{where}: {_sentence(each.message)}" for each in caught)


def _sentence(warning: Warning | str) -> str:
    """The warning itself; of versions of scikit-learn that differ something shorter."""
    saved = getattr(warning, "original_sklearn_version", None)
    if saved is not None:
        current = getattr(warning, "current_sklearn_version", "another version")
        return f"saved with scikit-learn {saved}, opened with {current}; predictions may differ"
    return " ".join(str(warning).split())
