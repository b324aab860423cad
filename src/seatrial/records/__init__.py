"""What travels through seatrial: frozen, slotted dataclasses and enums.

Every arrow between two rooms is one of these records, appended to the journal as it is. The room imports nothing
of ours, so that any other room (the model server included) can use it. Units are in the names or docstrings:
seconds, bytes, fractions. Times are timezone-aware UTC.
"""

from seatrial.records.change import Axis, AxisChange, Change, FileChange, Version
from seatrial.records.compare import (
    Comparison,
    Direction,
    Family,
    Gate,
    Interval,
    Needs,
)
from seatrial.records.errors import PermanentError, SeatrialError, TemporaryError, UsageError
from seatrial.records.measure import (
    BlockSamples,
    CellResult,
    Failure,
    Inputs,
    Limits,
    Package,
    Sample,
    Stage,
    TestCase,
    TestResult,
    Usage,
    UsagePoint,
)
from seatrial.records.plan import Cell, Plan, Role
from seatrial.records.project import (
    BuildSpec,
    DeploymentSpec,
    Driving,
    HealthSpec,
    MetricSpec,
    Project,
    RequestsSpec,
    Resources,
    Slice,
    StackSpec,
    TestSpec,
)
from seatrial.records.report import (
    AttributionEffect,
    CellSummary,
    DeploymentReport,
    LatencySummary,
    Report,
    StackChange,
)
from seatrial.records.run import Run, RunState
from seatrial.records.verdict import Verdict, worst

__all__ = [
    "AttributionEffect",
    "Axis",
    "AxisChange",
    "BlockSamples",
    "BuildSpec",
    "Cell",
    "CellResult",
    "CellSummary",
    "Change",
    "Comparison",
    "DeploymentReport",
    "DeploymentSpec",
    "Direction",
    "Driving",
    "Failure",
    "Family",
    "FileChange",
    "Gate",
    "HealthSpec",
    "Inputs",
    "Interval",
    "LatencySummary",
    "Limits",
    "MetricSpec",
    "Needs",
    "Package",
    "PermanentError",
    "Plan",
    "Project",
    "Report",
    "RequestsSpec",
    "Resources",
    "Role",
    "Run",
    "RunState",
    "Sample",
    "SeatrialError",
    "Slice",
    "StackChange",
    "StackSpec",
    "Stage",
    "TemporaryError",
    "TestCase",
    "TestResult",
    "TestSpec",
    "Usage",
    "UsageError",
    "UsagePoint",
    "Verdict",
    "Version",
    "worst",
]
