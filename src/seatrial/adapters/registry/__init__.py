"""Adapters of the Registry port: versions, stages, tags and the ledger."""
