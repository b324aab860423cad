"""Wishes of people to a keeper in another process."""

from pathlib import Path

from seatrial.gateway.orders import Answer, Orders


def test_an_order_waits_until_it_is_answered(tmp_path: Path) -> None:
    """Each gets its own answer, the oldest first; nothing is left behind by those who are content."""
    orders = Orders(tmp_path / "orders")
    first, second = orders.give("wine", 200), orders.give("beer", 5)
    other = Orders(tmp_path / "orders")
    waiting = list(other.waiting())
    other.answer(first, Answer(error="no", remedy="do so"))
    other.answer(second, Answer())

    assert {("wine", 200), ("beer", 5)} == {(order.service, order.weight) for order in waiting}
    assert [] == list(other.waiting())
    assert (Answer(error="no", remedy="do so"), Answer()) == (orders.answer_to(first), orders.answer_to(second))
    orders.withdraw(first)
    orders.withdraw(second)
    assert [] == list((tmp_path / "orders").iterdir())


def test_an_order_that_was_withdrawn_is_not_carried_out(tmp_path: Path) -> None:
    """Whoever gave it has gone."""
    orders = Orders(tmp_path / "orders")
    orders.withdraw(orders.give("wine", 200))

    assert [] == list(orders.waiting())


def test_what_is_no_order_is_removed(tmp_path: Path) -> None:
    """It keeps no other from being read, today or tomorrow."""
    orders = Orders(tmp_path / "orders")
    order = orders.give("wine", 200)
    (tmp_path / "orders" / "broken.order").write_text("{")

    assert [order] == list(orders.waiting())
    assert not (tmp_path / "orders" / "broken.order").exists()


def test_nobody_else_can_give_orders(tmp_path: Path) -> None:
    """The folder is its owner's."""
    Orders(tmp_path / "orders").give("wine", 200)

    assert 0o700 == (tmp_path / "orders").stat().st_mode & 0o777


def test_a_stop_is_remembered(tmp_path: Path) -> None:
    """Until somebody wants it to run again; saying so twice is no error."""
    orders = Orders(tmp_path / "orders")
    before = orders.stopped
    orders.start()
    orders.stop()
    orders.stop()
    stopped = Orders(tmp_path / "orders").stopped
    orders.start()

    assert (False, True, False) == (before, stopped, orders.stopped)
