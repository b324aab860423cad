"""The trial: from a change to a verdict, one module per step; `run.py` is its story."""
