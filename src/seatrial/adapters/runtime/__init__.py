"""Adapters of the Runtime port: where deployments run.

`process.py` runs them as local processes. Around it, one small module per thing that it needs from Linux: `cgroup*.py`
(limits and usage), `processes.py` (process trees without cgroups), `enter.py` (start inside a cgroup), `logs.py`
(bounded logs), `loopback.py` (free ports).
"""
