"""What is said of a retraining that has ended, and to whom."""

from seatrial.notices.compose import retrain_notice
from seatrial.records import RetrainResult
from seatrial.retrain.steps import Told
from seatrial.retrain.tools import RetrainTools


def word(result: RetrainResult, tools: RetrainTools) -> Told:
    """The notice, and the names of those who want it."""
    notice = retrain_notice(result, link=result.url or result.page)
    return Told(result=result, notice=notice, receivers=tools.receivers(notice))
