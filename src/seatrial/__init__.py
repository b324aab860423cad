"""seatrial: sea trials for machine-learning models.

Every change to a model is deployed beside what runs today, driven with the same requests, measured, judged and
reported, before it carries passengers.
"""

__version__ = "0.1.0"
