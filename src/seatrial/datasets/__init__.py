"""Datasets: immutable versions of what was collected, each with its parent; any of them can be rebuilt exactly."""
