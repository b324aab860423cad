"""Models of all libraries, opened: one small module a flavour, one way in.

    identify  which flavour, from name and first bytes    ┐ cheap: nothing is imported or unpickled
    digest_of what the artifact is, whatever its name     ┘
    open_model  load, lay the signature file over what the model says, bind: a predictor

Unpickling runs code, so that a file can be refused by its digest before it is opened.
"""

from seatrial.serve.loaders.digests import digest_of
from seatrial.serve.loaders.flavours import identify
from seatrial.serve.loaders.onnx import open_onnx
from seatrial.serve.loaders.open import open_model
from seatrial.serve.loaders.opened import Opened, Route

__all__ = ["Opened", "Route", "digest_of", "identify", "open_model", "open_onnx"]
