"""The durable workflows: what has to be finished although a process dies in the middle of it.

An engine that exists (DBOS) keeps which steps are done, in SQLite beside the project or in the registry's PostgreSQL.
What the steps are is told by the rooms (`seatrial.promotion`, `seatrial.notices`), which know nothing of the engine.
"""
