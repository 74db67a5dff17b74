"""A few runs draw at a time; one that waits for its turn gets it, and none is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stocktracker.screen.turns import SIDE_BY_SIDE, aside, turn
from tests.server import until


def most_at_a_time() -> int:
    """Of twenty runs, all of which get their turn, how many have drawn at the same time."""
    drawing, most, lock, go = 0, 0, threading.Lock(), threading.Event()

    def draw() -> None:
        nonlocal drawing, most
        with turn():
            with lock:
                drawing += 1
                most = max(most, drawing)
            go.wait(5)
            with lock:
                drawing -= 1

    with ThreadPoolExecutor(20) as runs:
        done = [runs.submit(draw) for _ in range(20)]
        until(lambda: drawing == SIDE_BY_SIDE, within=5)
        go.set()
        for run in done:
            run.result(5)
    assert drawing == 0
    return most


def test_no_more_than_a_few_draw_at_the_same_time_and_all_get_their_turn() -> None:
    assert most_at_a_time() == SIDE_BY_SIDE


def test_what_is_drawn_within_a_turn_waits_for_no_other() -> None:
    def draw() -> str:
        with turn(), turn(), turn():
            return "drawn"

    with ThreadPoolExecutor(SIDE_BY_SIDE) as runs:
        drawn = [run.result(5) for run in [runs.submit(draw) for _ in range(SIDE_BY_SIDE * 3)]]
    assert drawn == ["drawn"] * SIDE_BY_SIDE * 3


def test_a_run_that_fails_gives_its_turn_back() -> None:
    for _ in range(SIDE_BY_SIDE + 1):
        with pytest.raises(ZeroDivisionError), turn():
            raise ZeroDivisionError
    with turn():
        pass


def test_others_draw_while_a_run_waits_for_something() -> None:
    waiting, go = threading.Barrier(SIDE_BY_SIDE + 1), threading.Event()

    def wait() -> None:
        with turn(), aside():
            waiting.wait(5)
            go.wait(5)

    with ThreadPoolExecutor(SIDE_BY_SIDE + 1) as runs:
        done = [runs.submit(wait) for _ in range(SIDE_BY_SIDE)]
        waiting.wait(5)
        with turn():
            assert not any(run.done() for run in done)
        go.set()
        for run in done:
            run.result(5)
    assert most_at_a_time() == SIDE_BY_SIDE  # each has given back the one turn that it had


def test_who_has_no_turn_waits_without_one() -> None:
    with aside():
        assert most_at_a_time() == SIDE_BY_SIDE
