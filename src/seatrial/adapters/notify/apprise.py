"""Notices by apprise: Slack, e-mail, webhooks and a hundred other services, each by its URL.

The URL holds the secrets, so it is in no message: a receiver goes by its name. apprise only says whether it worked and
writes the rest into its log, together with parts of URLs; that log is kept from every handler, and read here for one
thing, the status that tells a failure that may pass from one that will not.
"""

import logging
import queue
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from apprise import Apprise, AppriseAsset, NotificationManager, NotifyBase, NotifyFormat, NotifyType
from apprise.plugins import url_to_dict
from apprise.result import AppriseResult, AppriseResultStatus

from seatrial.notices import text
from seatrial.records import Notice, NotifySpec, PermanentError, TemporaryError, UsageError, Verdict

DEADLINE: Final = 10.0
KEY_HEADER: Final = "X-Seatrial-Key"
SCHEMES: Final = ("slack://", "mailtos://", "workflows:// (Teams)", "discord://", "ntfys://", "jsons://", "log://")
_WHERE: Final = "notify"
_THREAD: Final = "seatrial-notice"
_LOADING: Final = threading.Lock()
_TYPES: Final = {
    None: NotifyType.INFO,
    Verdict.PASS: NotifyType.SUCCESS,
    Verdict.INCONCLUSIVE: NotifyType.WARNING,
    Verdict.ERROR: NotifyType.FAILURE,
    Verdict.FAIL: NotifyType.FAILURE,
}
_HTTP_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_SMTP_STATUS: Final = re.compile(r"\((\d{3}), b['\"]|was refused: (\d{3}) ")
_HOPELESS: Final = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted",
    "not supported by server": "it lacks STARTTLS or the login",
    "raised an exception": "apprise's part for it broke",
}
_PASSING_HTTP: Final = frozenset({408, 409, 425, 429})


class AppriseNotify:
    """One receiver behind a URL; implements `seatrial.ports.Notify`.

    A repeated notice can be told by its key: mails and webhooks carry it as the header `X-Seatrial-Key`, the body of a
    webhook also as its field `key`.

    Args:
        spec: the receiver's name; its `url` is not read.
        url: with `${NAME}` filled in.
        deadline: seconds after which a receiver that has not taken a notice counts as out of reach.

    Raises:
        UsageError: apprise doesn't know such a URL, or something is missing in it.
    """

    def __init__(self, spec: NotifySpec, url: str, *, deadline: float = DEADLINE) -> None:
        _hush()
        self._name = spec.name
        self._deadline = deadline
        self._asset = AppriseAsset(
            app_id="seatrial",
            app_desc="Sea trials for machine-learning models",
            app_url="",
            image_url_mask="",
            image_url_logo="",
            async_mode=False,
            http_redirects=False,
            interpret_emojis=False,
            service_timeout=0,
        )
        self._arguments = _arguments(spec.name, url)
        self._plugin({})

    def send(self, notice: Notice) -> None:
        """Send it within the deadline.

        Raises:
            TemporaryError: it can't be reached, does not answer in time, or says that it is busy.
            PermanentError: it refuses the notice.
        """
        _judge(self._name, _within(self._deadline, lambda: self._deliver(notice), self._name))

    def _deliver(self, notice: Notice) -> AppriseResult:
        plugin = self._plugin(_marks(notice))
        form = plugin.resolve_format(None)
        has_title = plugin.title_maxlen > 0
        service = Apprise(asset=self._asset)
        service.add(plugin)
        return service.notify(
            title=text.subject(notice) if has_title else "",
            body=(text.body if has_title else text.headed)(notice, text.Form(form.value)),
            body_format=NotifyFormat(form.value),
            notify_type=_TYPES[notice.verdict],
            attach=_attached(plugin, notice),
            log_level=logging.DEBUG,
        )

    def _plugin(self, marks: Mapping[str, str]) -> NotifyBase:
        """What apprise has for this URL, made anew for each notice because its headers differ."""
        kind = _kinds()[self._arguments["schema"]]
        arguments = _limited(self._arguments, self._deadline) | _marked(kind, self._arguments, marks)
        plugin = Apprise.instantiate(arguments, asset=self._asset)
        if plugin is None:
            raise UsageError(
                f"receiver {self._name!r} has a URL of {kind.service_name} in which something is missing or wrong",
                where=_WHERE,
                remedy=f"compare it with {kind.setup_url}; a value that holds / @ # ? or % has to be percent-encoded",
            )
        return plugin


def _attached(plugin: NotifyBase, notice: Notice) -> list[str] | None:
    """The notice's pictures that are still there, for a receiver that takes files."""
    pictures = [path for path in notice.pictures if Path(path).is_file()]
    return pictures if pictures and plugin.attachment_support else None


def _hush() -> None:
    """Keep what apprise and urllib3 log of a notice, which shows parts of URLs, from the handlers of the process.

    What failed is in apprise's log at its debug level only, so that has to be on.
    """
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").addFilter(_is_not_of_a_notice)


def _is_not_of_a_notice(_: logging.LogRecord) -> bool:
    return threading.current_thread().name != _THREAD


def _arguments(name: str, url: str) -> dict[str, Any]:
    """What apprise reads in the URL. Raises UsageError if it can't."""
    with _LOADING, warnings.catch_warnings():
        # The first look loads all services; one of them imports what Python is about to drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        found: dict[str, Any] | None = url_to_dict(url.strip())  # type: ignore[no-untyped-call]
    if found is None:
        scheme = url.strip().partition("://")[0].casefold()
        known = scheme in _kinds()
        raise UsageError(
            f"receiver {name!r} has a {scheme}:// URL that can't be read"
            if known
            else f"receiver {name!r} has a URL that apprise doesn't know",
            where=_WHERE,
            remedy=f"it begins with one of {', '.join(SCHEMES)} or another of https://appriseit.com/services/",
        )
    return found


def _kinds() -> Mapping[str, type[NotifyBase]]:
    """The services that apprise has, by scheme."""
    return cast("Mapping[str, type[NotifyBase]]", NotificationManager())  # type: ignore[no-untyped-call]


def _limited(given: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """The arguments with bounded waiting, and without what would make a failure look like success or retry by itself."""
    kept = {key: value for key, value in given.items() if key not in {"optional", "retry", "wait"}}
    timeouts = {key: min(_seconds(given.get(key), deadline), deadline) for key in ("cto", "rto")}
    return {"overflow": "truncate"} | kept | timeouts


def _seconds(given: object, default: float) -> float:
    try:
        return float(str(given))
    except ValueError:
        return default


def _marks(notice: Notice) -> dict[str, str]:
    """What programs read of a notice."""
    return {
        "key": re.sub(r"[^\x21-\x7e]", "-", notice.key)[:200],
        "event": notice.event.value,
        "project": notice.project,
        "verdict": notice.verdict.value if notice.verdict else "",
        "link": notice.link,
    }


def _marked(kind: type[NotifyBase], given: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for headers and fields, where a service takes any; what the URL says of them wins."""
    takes = {name: kwarg.get("prefix") for name, kwarg in kind.template_kwargs.items()}
    marked: dict[str, Any] = {}
    if takes.get("headers") == "+" and marks:
        marked["headers"] = {KEY_HEADER: marks["key"]} | (given.get("headers") or {})
    if takes.get("payload") == ":":
        marked["payload"] = {**marks, **(given.get("payload") or {})}
    return marked


def _within(seconds: float, work: Callable[[], AppriseResult], name: str) -> AppriseResult:
    """The outcome of `work`, for which nobody waits longer: neither this thread nor the end of the process.

    The time-outs inside count each read by itself, so a receiver that answers a byte at a time would hold them up for ever.
    """
    done: queue.SimpleQueue[AppriseResult | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put(work())
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it must not end in silence
            done.put(error)

    threading.Thread(target=run, name=_THREAD, daemon=True).start()
    try:
        outcome = done.get(timeout=seconds)
    except queue.Empty:
        raise TemporaryError(f"receiver {name!r} did not take the notice within {seconds:g} s", where=_WHERE) from None
    if isinstance(outcome, Exception):
        # Without the cause: its text may hold the URL.
        raise PermanentError(
            f"receiver {name!r} can't be used: {type(outcome).__name__}", where=_WHERE, remedy=_remedy(name)
        ) from None
    return outcome


def _judge(name: str, result: AppriseResult) -> None:
    """Return if the notice was taken. Raises TemporaryError or PermanentError by what apprise wrote about it."""
    if result.status == AppriseResultStatus.SUCCESS:
        return
    why, passes = _reason("\n".join(entry.message for each in result.results for entry in each.logs()))
    what = f"receiver {name!r} did not take the notice: {why}"
    if passes:
        raise TemporaryError(what, where=_WHERE, remedy=_remedy(name))
    raise PermanentError(what, where=_WHERE, remedy=_remedy(name))


def _reason(told: str) -> tuple[str, bool]:
    """Why it failed by apprise's log, and whether that may pass."""
    if http := _HTTP_STATUS.search(told):
        code = int(http[1])
        return f"HTTP {code}", code >= 500 or code in _PASSING_HTTP  # noqa: PLR2004 - the server's own errors
    if smtp := _SMTP_STATUS.search(told):
        code = int(smtp[1] or smtp[2])
        return f"SMTP {code}", code < 500  # noqa: PLR2004 - 5yz is for good
    hopeless = [why for sign, why in _HOPELESS.items() if sign in told]
    return (hopeless[0], False) if hopeless else ("it can't be reached", True)


def _remedy(name: str) -> str:
    return f"check its URL, then try: seatrial notify test --only {name!r}"
