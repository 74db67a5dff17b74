"""Streamlit's loop asks those sessions that have something to send, and no message stays behind.

The session managers and sessions are Streamlit's own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, SessionClient
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from stocktracker.screen.outgoing import Noting, once
from tests.server import ROOT

MESSAGE = ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
MANY = 2000  # messages of each thread


class Client(SessionClient):
    def write_forward_msg(self, msg: ForwardMsg) -> None:
        raise AssertionError(f"nobody sends here: {msg}")


def manager(wake: Callable[[], None] = lambda: None) -> WebsocketSessionManager:
    return WebsocketSessionManager(
        session_storage=MemorySessionStorage(),
        uploaded_file_manager=MemoryUploadedFileManager("/upload"),
        script_cache=ScriptCache(),
        message_enqueued_callback=wake,
    )


def come(noting: Noting | WebsocketSessionManager, existing: str | None = None) -> AppSession:
    """A viewer connects, with the session of before if it is given."""
    script = ScriptData(str(ROOT / "app.py"))
    session_id = noting.connect_session(
        client=Client(), script_data=script, user_info={}, existing_session_id=existing
    )
    info = noting.get_active_session_info(session_id)
    assert info is not None
    session: AppSession = info.session
    return session


@asynccontextmanager
async def viewers(count: int, wake: Callable[[], None] = lambda: None) -> AsyncIterator[Any]:
    """Who notes, and so many sessions, which have been asked once."""
    noting = Noting(manager(wake))
    sessions = [come(noting) for _ in range(count)]
    asked(noting)
    try:
        yield noting, sessions
    finally:
        for session in sessions:
            noting.close_session(session.id)


def asked(noting: Noting) -> list[str]:
    return [info.session.id for info in noting.list_active_sessions()]


def put(session: AppSession) -> None:
    session._enqueue_forward_msg(MESSAGE)


def sender() -> tuple[Any, asyncio.Event]:
    """What the loop is woken by: as much of a runtime as that takes, and the event."""
    things = SimpleNamespace(eventloop=asyncio.get_running_loop(), need_send_data=asyncio.Event())
    return SimpleNamespace(_get_async_objs=lambda: things), things.need_send_data


wake_as_streamlit = Runtime._enqueued_some_message


def test_who_has_put_something_into_the_queue_is_asked_and_nobody_else() -> None:
    async def run() -> None:
        async with viewers(3) as (noting, (_, second, _)):
            assert asked(noting) == []
            put(second)
            put(second)
            assert asked(noting) == [second.id]
            assert len(second.flush_browser_queue()) == 2
            assert asked(noting) == []

    asyncio.run(run())


def test_who_has_just_come_is_asked() -> None:
    async def run() -> None:
        async with viewers(1) as (noting, sessions):
            sessions.append(come(noting))
            assert asked(noting) == [sessions[1].id]

    asyncio.run(run())


def test_who_was_there_before_is_asked_and_noted_from_then_on() -> None:
    async def run() -> None:
        before = manager()
        session = come(before)
        noting = Noting(before)
        assert asked(noting) == [session.id]
        put(session)
        assert asked(noting) == [session.id]
        noting.close_session(session.id)

    asyncio.run(run())


def test_what_was_put_while_nobody_was_connected_is_sent_to_who_comes_back() -> None:
    async def run() -> None:
        async with viewers(1) as (noting, (session,)):
            noting.disconnect_session(session.id)
            put(session)
            assert asked(noting) == []
            assert come(noting, existing=session.id) is session
            assert asked(noting) == [session.id]
            assert len(session.flush_browser_queue()) == 1

    asyncio.run(run())


def test_who_has_gone_is_not_asked() -> None:
    async def run() -> None:
        async with viewers(2) as (noting, (first, second)):
            put(first)
            put(second)
            noting.close_session(first.id)
            assert asked(noting) == [second.id]

    asyncio.run(run())


def test_all_sessions_are_there_for_whoever_ends_the_server() -> None:
    async def run() -> None:
        async with viewers(3) as (noting, sessions):
            assert {info.session.id for info in noting.list_sessions()} == {
                session.id for session in sessions
            }
            assert noting.num_active_sessions() == 3

    asyncio.run(run())


def test_it_is_noted_before_the_loop_is_woken_and_in_the_queue_before_it_is_noted() -> None:
    async def run() -> None:
        woken: list[tuple[str, int]] = []

        def look() -> None:
            woken.extend(
                (info.session.id, len(info.session.flush_browser_queue()))
                for info in noting.list_active_sessions()
            )

        async with viewers(2, wake=look) as (noting, (first, second)):
            put(second)
            put(first)
            assert woken == [(second.id, 1), (first.id, 1)]

    asyncio.run(run())


def test_nothing_stays_behind_that_threads_put_while_the_loop_sends() -> None:
    async def run() -> None:
        runtime, event = sender()
        wake = once(wake_as_streamlit)
        async with viewers(5, wake=lambda: wake(runtime)) as (noting, sessions):

            def work() -> None:
                for place in range(MANY):
                    put(sessions[place % len(sessions)])

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            sent = 0
            async with asyncio.timeout(60):
                while sent < MANY * len(threads):  # as Streamlit's own loop does
                    await event.wait()
                    event.clear()
                    for info in noting.list_active_sessions():
                        sent += len(info.session.flush_browser_queue())
                        await asyncio.sleep(0)
            for thread in threads:
                thread.join()

    asyncio.run(run())


def test_the_loop_is_woken_once_and_again_when_it_is_up() -> None:
    async def run() -> None:
        runtime, event = sender()
        calls: list[bool] = []

        def streamlits(self: Any) -> None:
            calls.append(event.is_set())
            wake_as_streamlit(self)

        wake = once(streamlits)
        wake(runtime)
        wake(runtime)
        assert calls == [False]
        await event.wait()
        event.clear()
        wake(runtime)
        assert calls == [False, False]
        await event.wait()

    asyncio.run(run())
