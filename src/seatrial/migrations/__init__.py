"""The database's history, by alembic: one file per change of the tables in `seatrial.journal`."""
