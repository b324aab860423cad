"""The AICoE-CI configuration as the results side knows it; it is read in `seatrial.config.aicoe`, where a trial reads it too."""

from seatrial.config.aicoe import read_aicoe, read_thoth
from seatrial.records.aicoe import AicoeConfig, AicoeGather, Overlay, ThothConfig

__all__ = ["AicoeConfig", "AicoeGather", "Overlay", "ThothConfig", "read_aicoe", "read_thoth"]
