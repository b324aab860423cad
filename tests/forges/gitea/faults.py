"""A way to a real server on which calls fail as planned: before they arrive, or only their answer on its way back."""

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one call.

    Attributes:
        status: that comes in place of an answer; 0: nothing comes until time is up.
        headers: of that.
        text: of that.
        late: the call arrives and is carried out, and only then this happens.
    """

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "<html>Bad Gateway</html>"
    late: bool = False


class FaultyTransport(httpx.BaseTransport):
    """Hands calls on to the server, but for those that a plan spoils; not for several threads.

    Args:
        spoils: which calls the plan is about.
    """

    def __init__(self, *plan: Fault, spoils: Callable[[httpx.Request], bool] = lambda _request: True) -> None:
        self._way = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self._plan = list(plan)
        self._spoils = spoils
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The server's answer, or what the plan says."""
        self.calls.append(f"{request.method} {request.url.path}")
        if not self._plan or not self._spoils(request):
            return self._way.handle_request(request)
        fault = self._plan.pop(0)
        if fault.late:
            self._way.handle_request(request).close()
        if not fault.status:
            raise httpx.ReadTimeout("no answer came", request=request)
        return httpx.Response(fault.status, headers=fault.headers, text=fault.text, request=request)
