"""Everything that is compared of one deployment, in the order of the report.

Pure: from samples and results to drafts, which the judge turns into comparisons for the whole trial at once.
"""

import numpy as np

from seatrial.judge import Draft
from seatrial.trial.compare.application import application_drafts
from seatrial.trial.compare.model import model_drafts
from seatrial.trial.compare.pairs import Pair
from seatrial.trial.compare.platform import platform_drafts
from seatrial.trial.compare.stored import stored_drafts


def drafts(pair: Pair, rng: np.random.Generator) -> list[Draft]:
    """Every metric of one deployment: model, application, platform, then what its tests stored."""
    return [*model_drafts(pair, rng), *application_drafts(pair, rng), *platform_drafts(pair), *stored_drafts(pair)]
