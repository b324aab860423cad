"""Free ports."""

import socket
from concurrent.futures import ThreadPoolExecutor

from seatrial.adapters.runtime.loopback import PortReserve


def test_no_port_is_handed_out_twice_to_threads() -> None:
    """Cells that start side by side never get the same."""
    reserve = PortReserve()

    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(lambda _: reserve.free_port(), range(200)))

    assert 200 == len(set(ports))


def test_a_port_in_use_is_not_handed_out() -> None:
    """The kernel is asked, not guessed."""
    reserve = PortReserve()
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]

        assert taken not in {reserve.free_port() for _ in range(100)}


def test_a_released_port_may_come_again() -> None:
    """A long-lived seatrial doesn't run out of them."""
    reserve = PortReserve()
    port = reserve.free_port()

    reserve.release(port)

    assert set() == reserve._reserved
