"""What the model server understands and answers: `POST /predict`, KServe V1, the Open Inference Protocol V2, own routes.

A codec a protocol and form of model, behind `serve.codec.Codec`; `endpoints` lists them for one model. The OpenAPI
document and the page describe whatever `endpoints` lists.
"""

from seatrial.serve.protocols.endpoints import endpoints
from seatrial.serve.protocols.errors import error_answer
from seatrial.serve.protocols.open_inference import metadata, server_metadata
from seatrial.serve.protocols.openapi import document
from seatrial.serve.protocols.page import page

__all__ = ["document", "endpoints", "error_answer", "metadata", "page", "server_metadata"]
