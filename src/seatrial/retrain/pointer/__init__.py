"""A dataset version kept by DVC as well: the file in the project's folder, its bytes in DVC's remote, its pointer in git.

People work in the same repository while a loop runs in it. So DVC is run where they would run it, and everything after it
is git's plumbing: the commit is put together beside the working tree, from the branch as it is and the pointer alone, and
pushed without force. What somebody has staged, edited or not yet pushed stays theirs. A commit is found again by its
trailers, so that a run that is gone on with makes no second one.
"""

from seatrial.retrain.pointer.point import point

__all__ = ["point"]
