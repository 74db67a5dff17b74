"""Who has something to send is known, and not looked for among all.

Streamlit's loop is woken for every message, twenty times a tick, and then empties the queues of all
sessions: a thousand, for the one that has drawn something. Each is a few places in memory that
nobody has touched since, so that most of what the loop took was this.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

Loop = Callable[[Any], Coroutine[Any, Any, None]]
WOKEN = "_stocktracker_has_woken"  # on the event that the loop waits for


def among_few(send: Loop) -> Loop:
    """In the place of a runtime's loop, which it is still, over those sessions alone."""

    async def send_to_few(self: Any) -> None:
        self._session_mgr = Noting(self._session_mgr)
        await send(self)

    return send_to_few


class Noting:
    """A session manager whose active sessions are those that have put something into their queues
    since it was last asked. In all else it is the one it is made of."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        # Of ids. Other threads add to it: adding and taking one out are one step each.
        self._noted: set[str] = set()
        for info in manager.list_active_sessions():
            self._heed(info.session)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def connect_session(self, *args: Any, **named: Any) -> str:
        session_id: str = self._manager.connect_session(*args, **named)
        self._heed(self._manager.get_active_session_info(session_id).session)
        return session_id

    def list_active_sessions(self) -> list[Any]:
        taken = [self._noted.pop() for _ in range(len(self._noted))]
        found = [self._manager.get_active_session_info(each) for each in taken]
        # Who has lost the connection is noted again when there is another.
        return [info for info in found if info is not None]

    def _heed(self, session: Any) -> None:
        """It may have something already, and whenever it has more it calls back."""
        self._noted.add(session.id)
        if not isinstance(session._message_enqueued_callback, partial):
            session._message_enqueued_callback = partial(
                self._note, session.id, session._message_enqueued_callback
            )

    def _note(self, session_id: str, wake: Callable[[], None]) -> None:
        """It is in the queue by now; the loop is woken only after it is noted."""
        self._noted.add(session_id)
        wake()


def once(wake: Callable[[Any], None]) -> Callable[[Any], None]:
    """`wake`, but not again before who was woken is up: what is noted by then is found."""

    def wake_once(self: Any) -> None:
        things = self._get_async_objs()
        event = things.need_send_data
        if getattr(event, WOKEN, False):
            return
        setattr(event, WOKEN, True)
        # Both happen in turn, and before anything is looked for.
        things.eventloop.call_soon_threadsafe(setattr, event, WOKEN, False)
        wake(self)

    return wake_once
