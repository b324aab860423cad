"""What a real Gitea sends is what the webhooks' reader takes, and its signature is the one that is checked."""

from collections.abc import Sequence
from datetime import UTC, datetime

from multidict import CIMultiDict, CIMultiDictProxy

from seatrial.adapters.forge.gitea import GiteaForge
from seatrial.records import ForgeKind, Hook, HookKind
from seatrial.web.hooks.gitea import read
from seatrial.web.hooks.verify import is_genuine
from tests.contract.receivers import Request, Webhook, webhook
from tests.forges.gitea.opener import opened
from tests.forges.gitea.world import Gitea
from tests.waiting import wait_until

SECRET = "shared-with-the-bot"


def test_a_pull_request_is_followed_by_its_webhooks(gitea: Gitea) -> None:
    """Opened with a label, pushed to, commented on, closed and reopened: each is told once, signed, and of its commit.

    Gitea sends them from several queues, so that their order says nothing: the bot asks what the pull request is now.
    """
    with opened(gitea) as scene, webhook() as receiver:
        gitea.webhook(scene.repository, f"http://127.0.0.1:{receiver.port}/hooks/gitea", SECRET)
        number = scene.open_pull("followed", labels=("trial",))
        opening = scene.tip("followed")
        pushed = scene.push("followed")
        scene.comment_as_other(number, "/seatrial run")
        wait_until(lambda: len(told(receiver)) > 3)
        scene.close_pull(number)
        gitea.reopen_pull(scene.repository, number)
        wait_until(lambda: len(told(receiver)) > 5)
        found = told(receiver)

        expected = {
            (HookKind.OPENED, opening),
            (HookKind.LABELLED, opening),
            (HookKind.SYNCHRONISED, pushed),
            (HookKind.CLOSED, pushed),
            (HookKind.REOPENED, pushed),
        }
        assert expected == {(hook.kind, hook.head) for hook in found if hook.kind is not HookKind.COMMENTED}
        assert {(scene.repository, number)} == {(hook.repository, hook.number) for hook in found}
        (comment,) = [hook for hook in found if hook.kind is HookKind.COMMENTED]
        assert (scene.writer, "/seatrial run") == (comment.author, comment.comment)
        assert isinstance(scene.forge, GiteaForge)
        scene.forge.acknowledge(scene.repository, number, comment.comment_id)
        assert ["eyes"] == list(scene.reactions(number, comment.comment_id))
    assert all(is_signed(request, SECRET) for request in receiver.requests)
    assert not any(is_signed(request, "another") for request in receiver.requests)


def told(receiver: Webhook) -> Sequence[Hook]:
    """What the bot would take of all that came."""
    found = [read(headers(request)["X-Gitea-Event"], request.body.encode()) for request in list(receiver.requests)]
    return [hook for hook in found if isinstance(hook, Hook)]


def is_signed(request: Request, secret: str) -> bool:
    """Whether the bot would believe it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return is_genuine(ForgeKind.GITEA, headers(request), request.body.encode(), secret, now)


def headers(request: Request) -> CIMultiDictProxy[str]:
    """As aiohttp has them."""
    return CIMultiDictProxy(CIMultiDict(request.headers))
