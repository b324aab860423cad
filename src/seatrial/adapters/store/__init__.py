"""Adapters of the Store port: artifacts by digest."""
