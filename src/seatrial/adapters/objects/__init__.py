"""Adapters of the Objects port: objects by key."""
