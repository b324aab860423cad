"""Streams of events, each adapter for one real thing."""
