"""Configuration that the field already has: `.aicoe-ci.yaml` and `.thoth.yaml`, read, and turned into a `seatrial.yaml`.

It lives in this room and not in `seatrial.aicoe`, which is about results, because a trial reads its configuration here.
"""

from seatrial.config.aicoe.read import read_aicoe
from seatrial.config.aicoe.thoth import read_thoth

__all__ = ["read_aicoe", "read_thoth"]
