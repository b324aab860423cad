"""What Kafka's errors mean: which are waited out, which never end, and what people can do about those."""

from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from seatrial.logs import Redactor
from seatrial.ports import Clock
from seatrial.records import PermanentError, SeatrialError, TemporaryError

T = TypeVar("T")

NO_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own errors are named like that
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
NO_OFFSET: Final = frozenset(
    {
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError._NO_OFFSET,  # noqa: SLF001
    }
)
NOT_A_MEMBER: Final = frozenset(
    {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS}
)
_LOGIN: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
    }
)
_RIGHTS: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_BROKEN: Final = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001
        KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.INVALID_SESSION_TIMEOUT,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.TOPIC_EXCEPTION,
    }
)
_UNTOLD: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - what came before it says why
        KafkaError._TIMED_OUT,  # noqa: SLF001
    }
)
_PAUSE: Final = 0.2
_LONGEST_QUESTION: Final = 8.0


class Trouble:
    """The last that was heard of a broker, and how long its silence is borne.

    Args:
        servers: for messages.
        redactor: takes secrets out of what librdkafka says.
        clock: for the patience.
        patience: seconds without an answer after which TemporaryError is raised.
    """

    def __init__(self, servers: str, redactor: Redactor, clock: Clock, patience: float) -> None:
        self._where = f"Kafka at {servers}"
        self._redactor = redactor
        self._clock = clock
        self.patience = patience
        self._refusal: SeatrialError | None = None
        self._last = "no answer"
        self._answered_at = clock.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since the last answer."""
        return self._clock.monotonic() - self._answered_at

    def heard(self, error: KafkaError) -> None:
        """Take in an error; one that a retry won't mend is raised by the next `check`."""
        if error.code() not in _UNTOLD:
            self._last = self._redactor.text(error.str())
        self._refusal = self._refusal or self._lasting(error)

    def answered(self) -> None:
        """The broker spoke: patience begins anew."""
        self._answered_at = self._clock.monotonic()

    def check(self) -> None:
        """Raise what won't get better, or TemporaryError when the silence has lasted too long."""
        if self._refusal is not None:
            raise self._refusal
        if self.silent > self.patience:
            raise TemporaryError(
                f"no broker has answered for {self.patience:g} s: {self._last}",
                where=self._where,
                remedy="see whether the broker runs and can be reached; what was collected is not lost, try again then",
            )

    def ask(self, question: Callable[[float], T | None], serve: Callable[[], object]) -> T:
        """An answer from the broker, asked again until it comes or patience ends.

        Args:
            question: gets the seconds that it may take; None or KafkaException: there was no answer.
            serve: lets librdkafka say what it has to say.
        """
        self.answered()
        attempt = 0
        while True:
            found = self._answer(question, min(_LONGEST_QUESTION, self.patience, 2.0**attempt))
            if found is not None:
                self.answered()
                return found
            serve()
            self.check()
            self._clock.sleep(_PAUSE)
            attempt += 1

    def _answer(self, question: Callable[[float], T | None], seconds: float) -> T | None:
        try:
            return question(seconds)
        except KafkaException as error:
            self.heard(error.args[0])
            return None

    def _lasting(self, error: KafkaError) -> SeatrialError | None:
        code = error.code()
        if code in _LOGIN and not _lost_connection(error):
            remedy = (
                "check security.protocol, sasl.* and ssl.* of stream.settings, and the variables that they refer to"
            )
            return PermanentError(
                f"the broker lets nobody in like that: {self._last}", where=self._where, remedy=remedy
            )
        if code in _RIGHTS:
            remedy = "give the account the right to read the topics and the group (kafka-acls --consumer)"
            return PermanentError(f"the account has no right: {self._last}", where=self._where, remedy=remedy)
        if code in _BROKEN:
            return PermanentError(f"Kafka refuses: {self._last}", where=self._where, remedy="see the broker's log")
        return None


def _lost_connection(error: KafkaError) -> bool:
    """Whether a broker that stopped in the middle of a login looks like one that refused it."""
    text = error.str().casefold()
    return "transport failure" in text or "disconnected" in text or "timed out" in text
