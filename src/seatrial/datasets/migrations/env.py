"""Alembic's entry: the journal's, because it runs the migrations of whatever schema `seatrial.database` hands over."""

import runpy
from importlib.resources import files

runpy.run_path(str(files("seatrial.migrations") / "env.py"))
