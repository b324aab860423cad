"""What the bot does about a delivery: who gets a trial, who doesn't, and why nothing runs that nobody may run."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.bot.decide import (
    Action,
    Cancel,
    Decision,
    Explain,
    React,
    Reply,
    Seen,
    Start,
    decide,
    unsettled,
)
from seatrial.bot.why import superseding
from seatrial.records import (
    BotTrial,
    Hook,
    HookKind,
    Permission,
    PostedComment,
    PullRequest,
    PullState,
    TrialState,
    WatchedRepository,
)
from tests.bot.booking import NOON, REPOSITORY, hook, trial

A, B = "a" * 40, "b" * 40
PULL = PullRequest(
    repository=REPOSITORY,
    number=7,
    state=PullState.OPEN,
    title="Tune",
    author="bob",
    head=B,
    base=A,
    head_repository=REPOSITORY,
)
FORK = replace(PULL, head_repository="eve/fraud")
ONE = WatchedRepository(name=REPOSITORY)
TWO = WatchedRepository(name=REPOSITORY, projects=("fraud", "churn"))
PUSHES = (HookKind.OPENED, HookKind.SYNCHRONISED, HookKind.REOPENED, HookKind.LABELLED)
WRITERS = (Permission.WRITE, Permission.ADMIN)


def seen(*trials: BotTrial, watched: WatchedRepository = ONE, pull: PullRequest = PULL, **more: Any) -> Seen:
    """A pull request with these trials, newest first."""
    return Seen(watched=watched, trials=trials, now=NOON, pull=pull, **more)


def said(text: str, **fields: Any) -> Hook:
    """A comment of carol's."""
    given = {"author": "carol", "comment": text, "comment_id": "31", **fields}
    return hook("d-said", kind=HookKind.COMMENTED, **given)


def heard(
    text: str, *trials: BotTrial, permission: Permission = Permission.WRITE, now: str | None = None, **more: Any
) -> Decision:
    """What is decided about a comment of somebody with write access, that is still there."""
    comment = PostedComment(id="31", author="carol", body=text if now is None else now, own=False)
    own = {"comment": comment, **more}
    return decide(said(text), seen(*trials, permission=permission, **own))


def starts(decision: Decision) -> list[BotTrial]:
    """The trials that start."""
    return [action.trial for action in decision.actions if isinstance(action, Start)]


def others(decision: Decision) -> list[Action]:
    """What is done beside."""
    return [action for action in decision.actions if not isinstance(action, Start)]


@pytest.mark.parametrize("kind", PUSHES)
def test_a_push_starts_a_trial_of_each_project(kind: HookKind) -> None:
    """Of the newest commit, with everything that is known of it, each with an id of its own."""
    decision = decide(hook("d", kind=kind, head=B, author="bob"), seen(watched=TWO))

    fraud, churn = starts(decision)
    expected = BotTrial(id=fraud.id, repository=REPOSITORY, number=7, commit=B, project="fraud", queued=NOON)
    assert expected == fraud
    assert replace(expected, id=churn.id, project="churn") == churn
    assert fraud.id != churn.id
    assert fraud.id.startswith("7-bbbbbbb-")
    assert [] == others(decision)


def test_a_draft_is_tried_too() -> None:
    """Its author wants to know as much as anybody."""
    assert 1 == len(starts(decide(hook(), seen(pull=replace(PULL, draft=True)))))


@pytest.mark.parametrize("kind", PUSHES)
@pytest.mark.parametrize("state", [PullState.CLOSED, PullState.MERGED])
def test_what_is_not_open_any_more_is_not_tried(kind: HookKind, state: PullState) -> None:
    """What the forge says now counts, not what it said when it sent the delivery."""
    assert () == decide(hook(kind=kind), seen(pull=replace(PULL, state=state))).actions


def test_the_newest_commit_is_tried_whichever_was_pushed() -> None:
    """Two quick pushes make one trial, of the second."""
    first = decide(hook("d-1", kind=HookKind.SYNCHRONISED, head=A), seen())
    (started,) = starts(first)
    assert B == started.commit

    second = decide(hook("d-2", kind=HookKind.SYNCHRONISED, head=B), seen(started))
    assert () == second.actions


@pytest.mark.parametrize("kind", PUSHES)
@pytest.mark.parametrize("state", [TrialState.QUEUED, TrialState.RUNNING, TrialState.FINISHED, TrialState.BROKEN])
def test_the_same_commit_is_tried_once_by_pushes(kind: HookKind, state: TrialState) -> None:
    """Labels, reopening and repeated pushes bring no second trial."""
    known = trial("t", commit=B, state=state)
    assert () == decide(hook(kind=kind), seen(known)).actions


@pytest.mark.parametrize("kind", PUSHES)
@pytest.mark.parametrize(
    "gone", [{"state": TrialState.CANCELLED}, {"state": TrialState.RUNNING, "cancelling": "closed"}]
)
def test_a_cancelled_trial_is_made_up_for_where_something_moved(kind: HookKind, gone: dict[str, Any]) -> None:
    """Reopened, or pushed back to a commit whose trial was cancelled by another: it has no verdict. A label moves nothing."""
    decision = decide(hook("again", kind=kind), seen(trial("t", commit=B, **gone)))
    assert (0 if kind is HookKind.LABELLED else 1) == len(starts(decision))


def test_a_new_project_is_tried_at_a_known_commit() -> None:
    """Each project counts by itself."""
    (started,) = starts(decide(hook(), seen(trial("t", commit=B, project="fraud"), watched=TWO)))
    assert "churn" == started.project


@pytest.mark.parametrize("kind", PUSHES)
@pytest.mark.parametrize("pull", [PULL, FORK, replace(PULL, labels=("other",))])
def test_a_newer_commit_cancels_the_trials_of_older_ones(kind: HookKind, pull: PullRequest) -> None:
    """Also where the newer one is not tried itself; ended ones stay as they are."""
    watched = replace(ONE, label="try" if pull.labels else "")
    live = [trial("t-3", commit=A, state=TrialState.RUNNING), trial("t-2", commit=A)]
    ended = trial("t-1", commit=A, state=TrialState.FINISHED)
    decision = decide(hook(kind=kind), seen(*live, ended, watched=watched, pull=pull))

    cancels = [action for action in decision.actions if isinstance(action, Cancel)]
    assert ["t-3", "t-2"] == [action.trial for action in cancels]
    assert {B} == {superseding(action.why) for action in cancels}
    assert (pull is PULL) == bool(starts(decision))


def test_a_label_may_be_needed() -> None:
    """Without it nothing starts, whichever label was added; with it everything does. Case does not count."""
    watched = replace(ONE, label="Try")
    for kind in PUSHES:
        assert [] == starts(decide(hook(kind=kind, label="other"), seen(watched=watched)))
        labelled = replace(PULL, labels=("other", "try"))
        assert 1 == len(starts(decide(hook(kind=kind), seen(watched=watched, pull=labelled))))


def test_closing_cancels_everything_that_is_live() -> None:
    """And nothing else, also where the pull request is gone by now; one that is open again goes on."""
    trials = (trial("c", state=TrialState.RUNNING), trial("b"), trial("a", state=TrialState.FINISHED))
    for pull in (replace(PULL, state=PullState.CLOSED), replace(PULL, state=PullState.MERGED), None):
        decision = decide(hook(kind=HookKind.CLOSED), Seen(watched=ONE, trials=trials, now=NOON, pull=pull))

        assert ["c", "b"] == [action.trial for action in decision.actions if isinstance(action, Cancel)]
        assert {""} == {superseding(action.why) for action in decision.actions if isinstance(action, Cancel)}
    assert () == decide(hook(kind=HookKind.CLOSED), seen(*trials)).actions


# Forks.


@pytest.mark.parametrize("kind", PUSHES)
@pytest.mark.parametrize("fork", [FORK, replace(FORK, head_repository="")])
def test_a_fork_is_not_tried_unasked(kind: HookKind, fork: PullRequest) -> None:
    """Also not where its repository was deleted; one comment says how it can be asked for."""
    decision = decide(hook(kind=kind), seen(pull=fork))

    (reply,) = decision.actions
    assert isinstance(reply, Reply)
    assert ("fork", True) == (reply.key, "`/seatrial run`" in reply.text)
    assert () == decide(hook(kind=kind), seen(pull=fork, watched=replace(ONE, forks=False))).actions


@pytest.mark.parametrize("permission", WRITERS)
def test_a_fork_is_tried_confined_when_somebody_with_write_access_asks(permission: Permission) -> None:
    """The commit is the newest, by what the forge says now."""
    (started,) = starts(heard("/seatrial run", pull=FORK, permission=permission))
    expected = {"commit": B, "confined": True, "asked_by": "carol"}
    assert expected == {name: getattr(started, name) for name in expected}


@pytest.mark.parametrize("kind", PUSHES)
def test_a_later_push_to_a_fork_needs_asking_again(kind: HookKind) -> None:
    """The trial that was asked for is cancelled, and none takes its place."""
    asked = trial("t", commit=A, confined=True, asked_by="carol", state=TrialState.RUNNING)
    decision = decide(hook(kind=kind), seen(asked, pull=FORK))

    assert [] == starts(decision)
    assert ["t"] == [action.trial for action in decision.actions if isinstance(action, Cancel)]


@pytest.mark.parametrize(
    ("head", "later"),
    [(A, frozenset[HookKind]()), ("", frozenset({HookKind.SYNCHRONISED})), (A, frozenset({HookKind.CLOSED}))],
)
def test_a_commit_that_came_after_the_words_does_not_run(head: str, later: frozenset[HookKind]) -> None:
    """Whoever asked has looked at another commit; pushes of people who may write are tried all the same."""
    comment = PostedComment(id="31", author="carol", body="/seatrial run", own=False)
    more: dict[str, Any] = {"permission": Permission.WRITE, "comment": comment, "later": later}
    decision = decide(said("/seatrial run", head=head), seen(pull=FORK, **more))

    assert [] == starts(decision)
    assert ["31"] == [action.key for action in decision.actions if isinstance(action, Reply)]
    assert 1 == len(starts(decide(said("/seatrial run", head=head), seen(**more))))


def test_forks_may_be_off() -> None:
    """Then nobody can have one tried, and is told so."""
    decision = heard("/seatrial run", pull=FORK, watched=replace(ONE, forks=False))
    assert [] == starts(decision)
    assert [Reply] == [type(action) for action in decision.actions]


# Commands.


@pytest.mark.parametrize("text", ["/seatrial run", "/seatrial cancel", "/seatrial explain latency", "/seatrial rnu"])
@pytest.mark.parametrize("permission", [Permission.NONE, Permission.READ])
def test_people_without_write_access_command_nothing(text: str, permission: Permission) -> None:
    """A reaction shows that it was read; no comment can be had of the bot by strangers."""
    live = trial("t", commit=A)
    for pull in (PULL, FORK):
        assert (React(comment="31"),) == heard(text, live, pull=pull, permission=permission).actions


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        (None, "gone"),
        (PostedComment(id="31", author="carol", body="/seatrial run", own=True), "own"),
        (PostedComment(id="31", author="carol", body="never mind", own=False), "changed"),
        (PostedComment(id="31", author="carol", body="/seatrial run --attribute", own=False), "changed"),
    ],
)
def test_a_comment_that_is_none_any_more_is_no_command(comment: PostedComment | None, why: str) -> None:
    """Deleted, changed since, or the bot's own."""
    decision = heard("/seatrial run", comment=comment)
    assert ((), True) == (decision.actions, why in decision.note)


def test_a_comment_without_a_command_does_nothing() -> None:
    """Most are."""
    assert () == heard("looks good, `/seatrial run` it").actions


@pytest.mark.parametrize("state", [TrialState.FINISHED, TrialState.BROKEN, TrialState.CANCELLED])
def test_run_starts_a_finished_commit_again(state: TrialState) -> None:
    """A new trial of the same commit, with a reaction."""
    decision = heard("/seatrial run", trial("t", commit=B, state=state))

    (started,) = starts(decision)
    assert (B, "carol", False, False) == (started.commit, started.asked_by, started.attribute, started.confined)
    assert [React(comment="31")] == others(decision)


def test_run_while_it_runs_starts_nothing() -> None:
    """The one that runs is what was asked for; one that is being cancelled is none."""
    live = trial("t", commit=B, state=TrialState.RUNNING)
    assert (React(comment="31"),) == heard("/seatrial run", live).actions
    assert 1 == len(starts(heard("/seatrial run", replace(live, cancelling="closed"))))


def test_run_with_other_options_replaces_what_runs() -> None:
    """One trial of a commit and project at a time."""
    decision = heard("/seatrial run --attribute", trial("t", commit=B, state=TrialState.RUNNING))
    assert [True] == [each.attribute for each in starts(decision)]
    assert ["t"] == [action.trial for action in decision.actions if isinstance(action, Cancel)]


def test_run_needs_no_label() -> None:
    """Somebody asks for it by name."""
    assert 1 == len(starts(heard("/seatrial run", watched=replace(ONE, label="try"))))


@pytest.mark.parametrize("state", [PullState.CLOSED, PullState.MERGED])
def test_run_of_what_is_not_open_is_refused(state: PullState) -> None:
    """In words."""
    decision = heard("/seatrial run", pull=replace(PULL, state=state))
    assert ["31"] == [action.key for action in decision.actions if isinstance(action, Reply)]
    assert [] == starts(decision)


def test_cancel_ends_what_is_live() -> None:
    """With who asked as the reason; where nothing is live that is said."""
    live, ended = trial("b", state=TrialState.RUNNING), trial("a", state=TrialState.FINISHED)
    decision = heard("/seatrial cancel", live, ended)
    assert (React(comment="31"), Cancel(trial="b", why="carol asked for it")) == decision.actions

    (refusal,) = heard("/seatrial cancel", ended).actions
    assert isinstance(refusal, Reply)


def test_explain_is_about_the_newest_report_of_each_project() -> None:
    """A trial that runs has none yet."""
    newest = trial("c", project="fraud", report="d3", state=TrialState.FINISHED)
    other = trial("b", project="churn", report="d2", state=TrialState.FINISHED)
    old = trial("a", project="fraud", report="d1", state=TrialState.FINISHED)
    decision = heard("/seatrial explain p95 latency", trial("d", project="fraud"), newest, other, old, watched=TWO)

    assert (React(comment="31"), Explain(key="31", trials=(newest, other), metric="p95 latency")) == decision.actions
    (refusal,) = heard("/seatrial explain latency", trial("d")).actions
    assert isinstance(refusal, Reply)


@pytest.mark.parametrize("text", ["/seatrial", "/seatrial rnu", "/seatrial run --atribute", "/seatrial cancel it"])
def test_an_unknown_command_is_answered_with_those_that_are_known(text: str) -> None:
    """Nothing is guessed."""
    (reply,) = heard(text).actions
    assert isinstance(reply, Reply)
    assert "`/seatrial run --attribute`" in reply.text


# What the forge does not show yet.


@pytest.mark.parametrize(
    ("about", "pull", "expected"),
    [
        (hook(kind=HookKind.SYNCHRONISED, head=B), replace(PULL, head=A), "the commit"),
        (
            hook(kind=HookKind.REOPENED, head=B),
            replace(PULL, state=PullState.CLOSED),
            "whether the pull request is open",
        ),
        (hook(kind=HookKind.CLOSED, head=B), PULL, "whether the pull request is open"),
        (hook(kind=HookKind.CLOSED, head=A), replace(PULL, state=PullState.MERGED), ""),
        (hook(kind=HookKind.LABELLED, head=B, label="try"), PULL, "the label"),
        (hook(kind=HookKind.OPENED, head=B), PULL, ""),
        (hook(kind=HookKind.OPENED), PULL, ""),
        (said("/seatrial run"), PULL, "the comment"),
    ],
)
def test_what_the_forge_does_not_show_yet_is_waited_for(about: Hook, pull: PullRequest, expected: str) -> None:
    """Unless something happened since, which explains the difference."""
    situation = seen(pull=pull, permission=Permission.WRITE)
    assert expected == unsettled(about, situation)
    assert "" == unsettled(about, replace(situation, later=frozenset({HookKind.CLOSED})))
    assert expected == unsettled(about, replace(situation, later=frozenset({HookKind.COMMENTED})))


def test_strangers_comments_are_not_waited_for() -> None:
    """They command nothing anyway."""
    assert "" == unsettled(said("/seatrial run"), seen(permission=Permission.READ))


# Whatever comes.

HOOKS = st.builds(
    hook,
    st.sampled_from(["d-1", "d-2"]),
    kind=st.sampled_from(HookKind),
    head=st.sampled_from(["", A, B]),
    label=st.sampled_from(["", "try"]),
    author=st.just("carol"),
    comment=st.sampled_from(
        ["", "/seatrial run", "/seatrial run --attribute", "/seatrial cancel", "/seatrial explain x", "/seatrial x"]
    ),
    comment_id=st.just("31"),
)
TRIALS = st.lists(
    st.builds(
        trial,
        st.sampled_from(["t-1", "t-2", "t-3"]),
        commit=st.sampled_from([A, B]),
        state=st.sampled_from(TrialState),
        attribute=st.booleans(),
        project=st.sampled_from([".", "fraud"]),
        report=st.sampled_from(["", "d"]),
        cancelling=st.sampled_from(["", "why"]),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)
SEEN = st.builds(
    Seen,
    watched=st.builds(
        WatchedRepository,
        name=st.just(REPOSITORY),
        projects=st.sampled_from([(".",), (".", "fraud")]),
        label=st.sampled_from(["", "try"]),
        forks=st.booleans(),
    ),
    trials=TRIALS,
    now=st.just(NOON),
    pull=st.builds(
        replace,
        st.sampled_from([PULL, FORK]),
        state=st.sampled_from(PullState),
        labels=st.sampled_from([(), ("try",)]),
        draft=st.booleans(),
    ),
    permission=st.sampled_from(Permission),
    comment=st.sampled_from(
        [None, *(PostedComment(id="31", author="c", body="/seatrial run", own=own) for own in (True, False, None))]
    ),
    later=st.frozensets(st.sampled_from(HookKind)),
)


@given(HOOKS, SEEN)
def test_whatever_comes_the_rules_hold(about: Hook, situation: Seen) -> None:
    """No fork without a writer's words, confined always; no trial of what is not the newest or not open; one of each project."""
    decision = decide(about, situation)
    pull = situation.pull
    assert pull is not None
    started = starts(decision)

    assert all(each.commit == pull.head and pull.state is PullState.OPEN for each in started)
    assert all(each.confined == pull.from_fork for each in started)
    assert len({each.project for each in started}) == len(started)
    if pull.from_fork and started:
        assert situation.permission.may_write
        assert situation.watched.forks
        assert "/seatrial run" == about.comment
        assert {"carol"} == {each.asked_by for each in started}
    if about.kind is HookKind.COMMENTED and not situation.permission.may_write:
        assert {React} >= {type(action) for action in decision.actions}
    live = {each.id for each in situation.trials if each.state.is_live}
    assert live >= {action.trial for action in decision.actions if isinstance(action, Cancel)}


@given(HOOKS, SEEN)
def test_deciding_again_after_acting_starts_the_same(about: Hook, situation: Seen) -> None:
    """A crash before the delivery is done: all the same actions, the trials under the same ids."""
    first = decide(about, situation)
    ended = {action.trial: action.why for action in first.actions if isinstance(action, Cancel)}
    after = [replace(each, cancelling=ended.get(each.id, each.cancelling)) for each in situation.trials]
    again = decide(about, replace(situation, trials=[*reversed(starts(first)), *after]))

    assert first == again
