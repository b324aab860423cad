"""The registry's history, by alembic: one file per change of `seatrial.adapters.registry.tables`."""
