"""The judge of releases: may be asked after every window, and keeps its error rates anyway.

Pure numpy and scipy: it reads no file, asks no clock and draws no random number. `begin` makes a state from a policy, `update`
takes in a window of ten seconds and says what follows, `dump` and `load` carry the state over a restart. Why it may be asked
so often: docs/explanation/release-judge.md.
"""

from seatrial.judge.release.judging import begin, resume, update, warm
from seatrial.judge.release.saved import dump, load
from seatrial.judge.release.state import JudgeState

__all__ = ["JudgeState", "begin", "dump", "load", "resume", "update", "warm"]
