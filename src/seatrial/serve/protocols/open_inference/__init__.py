"""The Open Inference Protocol V2, which KServe, Triton and MLServer speak."""

from seatrial.serve.protocols.open_inference.codec import OpenInference
from seatrial.serve.protocols.open_inference.metadata import metadata, server_metadata

__all__ = ["OpenInference", "metadata", "server_metadata"]
