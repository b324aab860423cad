"""Object stores that contracts are held against."""

from collections.abc import Iterator

import pytest

from tests.serve.log import conftest as servers


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.ObjectStore]:
    """A server that keeps real files, checks signatures, and knows no conditions."""
    server = servers.rclone(tmp_path_factory.mktemp("rclone"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.ObjectStore]:
    """A server that answers much as AWS does, and knows conditions."""
    server = servers.moto(tmp_path_factory.mktemp("moto"))
    server.start()
    servers.make_bucket(server.port)
    yield server
    server.stop()
