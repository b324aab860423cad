"""Unpickling of bytes that were already read, hashed and trusted: the file can't be exchanged in between."""

import io
import pickle
from typing import Any

from seatrial.records import UsageError
from seatrial.serve.loaders.packages import require

_BROKEN = (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, UnicodeDecodeError, OSError)


def unpickle(content: bytes, where: str) -> Any:  # noqa: ANN401 - whatever was saved
    """The object in a joblib or pickle file.

    Raises:
        UsageError: the bytes are no pickle, or need a package or a class that isn't there.
    """
    joblib = require("joblib", install="scikit-learn")
    try:
        return joblib.load(io.BytesIO(content))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        remedy = f"install the package that {package} belongs to, in the version that the model was saved with"
        raise UsageError(f"the model needs the package {package}", where=where, remedy=remedy) from error
    except (AttributeError, ImportError, TypeError) as error:
        remedy = "install the versions that the model was saved with; a class of a script has to be in a module"
        raise UsageError(f"the model doesn't fit to what is installed: {error}", where=where, remedy=remedy) from error
    except _BROKEN as error:
        raise UsageError(f"this is no pickle of joblib or Python: {error}", where=where) from error
