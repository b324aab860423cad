"""The promotion: a version tried beside what holds the stage, and moved only if it passed."""
