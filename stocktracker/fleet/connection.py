"""The way to Redis: what goes wrong is a StoreError in words, and nobody waits for it twice.

After a fault every caller is refused at once, until the one who looks after the store has had an
answer: no page waits for a server that is gone. Knows nothing of what is stored. Nothing is tried
again in here, and no text that is made here has a password in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import redis
from redis import exceptions as faults
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from stocktracker.clock import Clock
from stocktracker.errors import StoreError
from stocktracker.fleet.url import StoreUrl

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_WITHIN = 0.5  # seconds
ANSWER_WITHIN = 1.0
SLOW = timedelta(milliseconds=500)
# Three sentinels that are gone, and a master that does not answer, take a page 1.5 s.
SENTINEL_WITHIN, MASTER_CONNECT_WITHIN, MASTER_ANSWER_WITHIN = 0.15, 0.25, 0.7


LINE_FAULTS = (faults.RedisError, OSError, ValueError)  # of a line that is listened to


class Link:
    """One Redis server. Safe to use from any thread."""

    def __init__(self, url: StoreUrl, clock: Clock) -> None:
        """Connects when it is first used."""
        self.url = url
        self._clock = clock
        self._client = _client(url)
        self._scripts: dict[str, Any] = {}
        self._broken: str | None = None
        self._slow: str | None = None
        self._carer: int | None = None  # the thread of the one who looks after the store
        self.mends = 0  # how often it has answered again; a listener hears nothing over an old line

    def run(
        self,
        script: str,
        keys: Sequence[str],
        values: Sequence[str | int | bytes] = (),
        *,
        even_if_broken: bool = False,
    ) -> Any:
        """What a script of Redis's gives back. Raises StoreError."""
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self._client.register_script(script)
        return self.call(lambda _: known(keys, values), even_if_broken=even_if_broken)

    def call(self, action: Callable[[Any], T], *, even_if_broken: bool = False) -> T:
        """What the action gives back. Raises StoreError, at once where Redis has not answered.

        `even_if_broken` is for the one who finds out whether it answers again. That one alone is
        let through where it answers late, lest polling stop for a moment of it.
        """
        if even_if_broken:
            self._carer = threading.get_ident()
        elif self._broken is not None:
            raise StoreError(self._broken)
        elif self._slow is not None and threading.get_ident() != self._carer:
            raise StoreError(self._slow)
        began = self._clock.uptime().elapsed
        try:
            found = action(self._client)
        except (faults.ConnectionError, faults.TimeoutError, faults.ReadOnlyError) as fault:
            words = f"Redis at {self.url} {_unanswered(fault)}."
            self._broken = words
            self._client.connection_pool.disconnect(inuse_connections=False)
            raise StoreError(words) from fault
        except faults.RedisError as fault:
            raise StoreError(f"Redis at {self.url} {_refused(fault)}.") from fault
        # Of a server that answers late each command alone would be borne, and a page has many.
        is_late = self._clock.uptime().elapsed - began > SLOW
        self._slow = f"Redis at {self.url} takes long to answer." if is_late else None
        if self._broken is not None:
            self._broken = None
            self.mends += 1
        return found

    @property
    def is_broken(self) -> bool:
        """Whether it has not answered, and nobody has found since that it does."""
        return self._broken is not None

    def listening(self) -> PubSub:
        """A line of its own for what is published. Raises redis's errors, unlike the rest."""
        client: Any = self._client
        line: PubSub = client.pubsub(ignore_subscribe_messages=True)
        return line

    def close(self) -> None:
        self._client.connection_pool.disconnect()


def _client(url: StoreUrl) -> redis.Redis:
    common: dict[str, Any] = {
        "db": url.database,
        "username": url.user,
        "password": url.password,
        "socket_connect_timeout": CONNECT_WITHIN,
        "socket_timeout": ANSWER_WITHIN,
        "retry": Retry(NoBackoff(), 0),
        # What is said beside the login costs a page that opens a connection a wait more.
        "protocol": 2,
        "driver_info": None,
    }
    if url.is_encrypted:
        common |= {"ssl": True, "ssl_ca_certs": url.authority}
    if url.path is not None:
        return redis.Redis(unix_socket_path=url.path, **common)
    if url.service is None:
        host, port = url.hosts[0]
        return redis.Redis(host=host, port=port, **common)
    sentinels = {
        "socket_connect_timeout": SENTINEL_WITHIN,
        "socket_timeout": SENTINEL_WITHIN,
        "retry": common["retry"],
        "protocol": 2,
        "driver_info": None,
        "password": url.sentinels_password,
        **({"ssl": True, "ssl_ca_certs": url.authority} if url.is_encrypted else {}),
    }
    common |= {
        "socket_connect_timeout": MASTER_CONNECT_WITHIN,
        "socket_timeout": MASTER_ANSWER_WITHIN,
    }
    found: Any = Sentinel(list(url.hosts), sentinel_kwargs=sentinels, **common)  # type: ignore[no-untyped-call]
    client: redis.Redis = found.master_for(url.service)
    return client


# What is wrong with it, in words of ours: theirs can quote what was sent. The first that fits.
UNANSWERED: tuple[tuple[type[Exception], str], ...] = (
    (faults.AuthenticationError, "takes neither the user nor the password"),
    (faults.BusyLoadingError, "is still loading what it has"),
    (faults.ReadOnlyError, "is a replica, which takes no writes"),
    (faults.TimeoutError, "does not answer in time"),
    (MasterNotFoundError, "has no master that the sentinels know of"),
)


def _unanswered(fault: Exception) -> str:
    for kind, words in UNANSWERED:
        if isinstance(fault, kind):
            return words
    cause = fault.__cause__ or fault.__context__
    reason = cause.strerror if isinstance(cause, OSError) else None
    return f"cannot be reached: {reason}" if reason else "cannot be reached"


def _refused(fault: faults.RedisError) -> str:
    if isinstance(fault, faults.AuthenticationError | faults.AuthorizationError):
        return "takes neither the user nor the password"
    if isinstance(fault, faults.NoPermissionError):
        return "does not let this user do that"
    if isinstance(fault, faults.OutOfMemoryError):
        return "has no memory left, and takes no writes"
    code = str(fault).partition(" ")[0]
    if code == "MISCONF":
        return "cannot write to its disk, and takes no writes"
    return f"refused with {code}" if code.isupper() and code.isalpha() else "refused"
