"""What all tests share."""

import hypothesis

# A loaded machine must not fail a property, so that no example has a deadline.
hypothesis.settings.register_profile("seatrial", deadline=None)
hypothesis.settings.load_profile("seatrial")
