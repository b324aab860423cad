"""Pages of model servers whose counters a test sets."""

from dataclasses import dataclass, field
from datetime import datetime

from seatrial.adapters.metrics.serve import Replica
from seatrial.records import Arm
from tests.adapters.prometheus_server import Exporters

EDGES = (0.1, 0.5)
STARTED = 1_790_000_000.0
"""Long before any of the tests' moments."""


@dataclass
class Page:
    """A model server's page, and what it has counted."""

    exporters: Exporters
    name: str
    started: float = STARTED
    taken: list[tuple[float, int]] = field(default_factory=list)

    def answer(self, number: int, seconds: float = 0.05, status: int = 200) -> None:
        """So many requests."""
        self.taken += [(seconds, status)] * number
        self.show()

    def restart(self, moment: datetime) -> None:
        """A new process with counters of its own."""
        self.started, self.taken = moment.timestamp(), []
        self.show()

    def show(self) -> None:
        """What it says from now on."""
        values = {"process_start_time_seconds": self.started}
        for status in sorted({status for _, status in self.taken} | {200}):
            labels = f'handler="/predict",method="POST",status="{status // 100}xx"'
            mine = [seconds for seconds, one in self.taken if one == status]
            name = "seatrial_http_request_duration_seconds"
            for edge in EDGES:
                values[f'{name}_bucket{{{labels},le="{edge}"}}'] = sum(seconds <= edge for seconds in mine)
            values[f'{name}_bucket{{{labels},le="+Inf"}}'] = len(mine)
            values[f"{name}_count{{{labels}}}"] = len(mine)
            values[f"{name}_sum{{{labels}}}"] = sum(mine)
        self.exporters.restart(self.name, values)

    def replica(self, arm: Arm) -> Replica:
        """Where it answers."""
        return Replica(name=self.name, arm=arm, url=f"http://{self.exporters.address}/{self.name}")
