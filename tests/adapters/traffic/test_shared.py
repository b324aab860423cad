"""What all proxies share: whose a request is, what is kept, how log files are called, how users are hidden."""

import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.traffic.kept import KeptRoutings
from seatrial.adapters.traffic.logs import LogFiles, holds_open
from seatrial.adapters.traffic.matching import covers, may_be_mirrored, service_for
from seatrial.adapters.traffic.proxy import check_address
from seatrial.adapters.traffic.units import KEY_NAME, UnitHash, open_units
from seatrial.records import Backend, Endpoint, PermanentError, Routing, ServiceSpec, Sticky

WINE = ServiceSpec(name="wine", model="wine", prefix="/wine", safe_paths=("/wine/predict",))
ROUTING = Routing(
    service=replace(WINE, sticky=Sticky(kind="cookie", name="v")),
    stable=Backend(version="1", endpoints=(Endpoint(name="wine.0.1", host="127.0.0.1", port=9001, version="2"),)),
    weight=1,
)


@pytest.mark.parametrize(
    ("prefix", "path", "covered"),
    [
        ("/", "/anything", True),
        ("/wine", "/wine", True),
        ("/wine", "/wine/predict", True),
        ("/wine", "/winery", False),
        ("/wine/", "/wine/predict", True),
        ("/wine/", "/wine", False),
    ],
)
def test_a_prefix_covers_whole_segments(prefix: str, path: str, *, covered: bool) -> None:
    """A service never gets requests of one whose name begins alike."""
    assert covered == covers(prefix, path)


@given(host=st.sampled_from(["a.example", "A.example:80", "b", ""]), path=st.sampled_from(["/wine", "/wine/x", "/x"]))
def test_a_request_has_the_most_special_service(host: str, path: str) -> None:
    """Its host's own first, then the longest prefix."""
    root = ServiceSpec(name="root", model="root")
    own = ServiceSpec(name="own", model="own", prefix="/wine/x", hosts=("a.example",))

    found = service_for([root, WINE, own], host, path)

    special = own if host.lower().startswith("a.") and path == "/wine/x" else None
    assert (special or (WINE if path.startswith("/wine") else root)) == found


def test_a_request_may_have_no_service() -> None:
    """It is not given to the wrong one."""
    assert service_for([WINE], "localhost", "/beer") is None


@pytest.mark.parametrize(
    ("method", "path", "safe"),
    [("GET", "/wine", True), ("POST", "/wine/predict", True), ("POST", "/wine/train", False), ("post", "/wine", False)],
)
def test_what_may_be_mirrored(method: str, path: str, *, safe: bool) -> None:
    """Safe methods, and what the configuration says is safe whatever the method."""
    assert safe == may_be_mirrored(WINE, method, path)


def test_what_was_asked_for_is_read_again(tmp_path: Path) -> None:
    """Exactly as it was; what was dropped is gone."""
    kept = KeptRoutings(tmp_path / "routings")
    other = replace(ROUTING, service=replace(WINE, name="../other"))
    for routing in (ROUTING, other, replace(ROUTING, weight=2)):
        kept.put(routing)
    assert {"../other": other, "wine": replace(ROUTING, weight=2)} == KeptRoutings(tmp_path / "routings").all()

    kept.drop("../other")
    kept.drop("unknown")

    assert {"wine": replace(ROUTING, weight=2)} == KeptRoutings(tmp_path / "routings").all()
    assert [tmp_path / "routings"] == list(tmp_path.iterdir())


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Rather than forgetting what the canary got."""
    (tmp_path / "wine.json").write_text('{"service": ')

    with pytest.raises(PermanentError, match=r"wine\.json"):
        KeptRoutings(tmp_path)


def test_log_files_follow_each_other(tmp_path: Path) -> None:
    """Numbers go on even where earlier files have been taken away; nobody else may read any."""
    files = LogFiles(tmp_path)
    finals = []
    for number in range(3):
        files.begin()
        files.current.write_text(f"line {number}\n")
        final = files.turn_over()
        assert final is not None
        finals.append(final.name)
        if number == 1:
            final.unlink()

    assert ["access-00000001.log", "access-00000002.log", "access-00000003.log"] == finals
    assert ["access-00000001.log", "access-00000003.log", "access.log"] == [path.name for path in files.all()]
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files.all()}
    assert files.turn_over() is None


def test_numbers_are_not_used_twice_by_the_next_seatrial(tmp_path: Path) -> None:
    """Whoever read the first file must not take the second for the same."""
    names = []
    for _ in range(2):
        files = LogFiles(tmp_path)
        files.begin()
        files.current.write_text("line\n")
        final = files.turn_over()
        assert final is not None
        names.append(final.name)
        final.unlink()

    assert ["access-00000001.log", "access-00000002.log"] == names


def test_who_holds_a_file_open_is_seen(tmp_path: Path) -> None:
    """By its present name; a process that isn't there holds nothing."""
    path, later = tmp_path / "one", tmp_path / "two"
    with path.open("w"):
        path.rename(later)
        assert holds_open(_own_pid(), later)
        assert not holds_open(_own_pid(), path)
    assert not holds_open(_own_pid(), later)
    assert not holds_open(2**22 + 1, later)


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def test_a_user_is_hidden_and_stays_the_same(tmp_path: Path) -> None:
    """The next seatrial gives the same hash, another project another one; nobody is nobody."""
    first = open_units(tmp_path / "a")("anna")

    assert first == open_units(tmp_path / "a")("anna")
    assert first != open_units(tmp_path / "b")("anna")
    assert 16 == len(first)
    assert "" == UnitHash(b"key")("")
    assert 0o600 == stat.S_IMODE((tmp_path / "a" / KEY_NAME).stat().st_mode)


def test_who_makes_the_key_at_once_agrees_on_it(tmp_path: Path) -> None:
    """Two processes of a project never hash differently."""
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: open_units(tmp_path)("anna"), range(8)))

    assert 1 == len(set(found))
    assert [KEY_NAME] == [path.name for path in tmp_path.iterdir()]


def test_an_address_that_is_taken_is_named() -> None:
    """One that is free again is not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PermanentError, match=f"127.0.0.1:{port}"):
            check_address("127.0.0.1", port)

    check_address("127.0.0.1", port)
