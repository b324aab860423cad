"""People are told of a deployment when something has come of it."""

from seatrial.deployments.notice import notice_of_change
from seatrial.records import DeployState, DeployStatus, EventKind, Verdict
from tests.deployments.fakes import wish


def test_what_is_on_its_way_is_no_news() -> None:
    """A start is told when it has succeeded or failed."""
    status = DeployStatus(wish=wish(), state=DeployState.STARTING)

    assert None is notice_of_change(status, DeployState.READY, project="cellar")


def test_what_has_come_of_it_is_told_with_what_it_was() -> None:
    """Ready, degraded, failed and stopped; the verdict is the state's."""
    verdicts = {}
    for state in set(DeployState) - {DeployState.STARTING}:
        notice = notice_of_change(DeployStatus(wish=wish(), state=state), DeployState.STARTING, project="cellar")
        assert notice is not None
        assert EventKind.DEPLOYMENT is notice.event
        assert "it was starting" in " ".join(notice.sentences)
        verdicts[state] = notice.verdict

    assert (Verdict.PASS, None) == (verdicts[DeployState.READY], verdicts[DeployState.STOPPED])
    assert {Verdict.ERROR} == {verdicts[DeployState.FAILED], verdicts[DeployState.DEGRADED]}
