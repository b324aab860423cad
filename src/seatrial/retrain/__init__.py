"""Continuous training: from a stream of events to a new version that has earned its place."""
