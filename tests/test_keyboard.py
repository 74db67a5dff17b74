"""Shortcuts: the keys and their help, who takes a key, and the listener in a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from playwright.sync_api import Page, expect, sync_playwright

from stocktracker.screen import keyboard
from stocktracker.screen.keyboard import (
    FACES,
    MEANINGS,
    PRESSED,
    SCRIPT,
    SEARCH,
    Key,
    face,
    read_key,
    take,
)
from tests.server import starting_apps

# --- keys -----------------------------------------------------------------------------------


def test_help_lists_every_key_once() -> None:
    listed = [key for keys in MEANINGS.values() for key in keys]
    assert sorted(listed) == sorted([SEARCH, *Key])


def test_no_key_is_the_first_of_two() -> None:
    """Otherwise the browser would have to wait before it knows."""
    firsts = {key.split()[0] for key in Key if " " in key}
    assert firsts.isdisjoint({*Key, SEARCH})


def test_streamlits_own_key_is_left_alone() -> None:
    assert "r" not in set(Key)


def test_what_the_browser_says_is_believed_where_it_is_a_key() -> None:
    assert read_key("ArrowLeft") is Key.PREVIOUS_RANGE
    assert [read_key(said) for said in ("x", "", None, 7, ["c"], {"key": "c"})] == [None] * 6


def test_arrows_are_shown_as_arrows() -> None:
    assert [face(key) for key in (Key.PREVIOUS_RANGE, Key.KIND, Key.GO_LIVE, SEARCH)] == [
        "←",
        "c",
        "g l",
        "/",
    ]
    assert set(FACES) <= set(Key)


def test_help_shows_each_meaning_with_its_key() -> None:
    table = keyboard.help_table()
    assert "<td><kbd>→</kbd></td><td>Longer range</td>" in table
    assert "<td><kbd>g</kbd> <kbd>h</kbd></td><td>History</td>" in table


def test_a_key_is_taken_once_and_by_whom_it_concerns() -> None:
    # Without a script run the session's state is an ordinary mapping.
    st.session_state[PRESSED] = Key.NEXT_RANGE
    assert take(Key.KIND, Key.LOG) is None
    assert take(Key.PREVIOUS_RANGE, Key.NEXT_RANGE) is Key.NEXT_RANGE
    assert take(Key.PREVIOUS_RANGE, Key.NEXT_RANGE) is None
    del st.session_state[PRESSED]
    assert take(*Key) is None


# --- the listener ---------------------------------------------------------------------------

PAGE = """
<section data-testid="stSidebar" data-collapsed="true"><div data-testid="stMultiSelect">
  <input id="tickers"></div></section>
<button data-testid="stExpandSidebarButton"
  onclick="document.querySelector('section').dataset.collapsed = 'false'">open</button>
<input id="text"><textarea id="area"></textarea><select id="select"><option>a</option></select>
<div id="editable" contenteditable="true">x</div>
<div data-testid="stDataFrame"><canvas id="grid" tabindex="0"></canvas></div>
<div role="tablist"><button role="tab" id="tab">tab</button></div>
<button id="button">button</button>
"""
MOUNT = """async ([script, keys, search]) => {
  const module = await import("data:text/javascript," + encodeURIComponent(script));
  const said = window.said ??= [];
  window.mount = (name) => module.default({
    data: { keys, search },
    setTriggerValue: (trigger, key) => said.push(`${name}:${trigger}:${key}`),
  });
}"""
browser = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium here; CHROMIUM can say where one is")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started.new_page()
        started.close()


@pytest.fixture
def page(chromium: Page) -> Page:
    """A page that looks to the listener like Streamlit's, with the listener mounted once."""
    chromium.goto("about:blank")
    chromium.set_content(PAGE)
    chromium.evaluate("() => { window.said = []; }")
    chromium.evaluate(MOUNT, [SCRIPT, [key.value for key in Key], SEARCH])
    chromium.evaluate("() => { window.cleanup = mount('a'); }")
    return chromium


def said(page: Page) -> list[str]:
    found: list[str] = page.evaluate("() => window.said.splice(0)")
    return found


def focused(page: Page) -> Any:
    return page.evaluate("() => document.activeElement.id")


@browser
def test_each_key_is_reported_once(page: Page) -> None:
    for key in Key:
        for part in key.split():
            page.keyboard.press("Shift+?" if part == "?" else part)
        assert said(page) == [f"a:pressed:{key}"]


@browser
def test_other_keys_are_left_to_the_page(page: Page) -> None:
    page.evaluate("""() => addEventListener("keydown", (event) => said.push(
      event.key + event.defaultPrevented))""")
    for key in ("x", "r", "Tab", "ArrowUp", "Enter", "Escape", "Shift+C", "1"):
        page.keyboard.press(key)
    assert not [text for text in said(page) if "pressed" in text or "true" in text]


@browser
@pytest.mark.parametrize("modifier", ["Control", "Alt", "Meta"])
def test_keys_with_a_modifier_are_the_browsers(page: Page, modifier: str) -> None:
    for key in ("c", "v", "l", "ArrowLeft"):
        page.evaluate(
            """([key, modifier]) => document.body.dispatchEvent(new KeyboardEvent("keydown",
              { key, bubbles: true, [modifier]: true }))""",
            [key, {"Control": "ctrlKey", "Alt": "altKey", "Meta": "metaKey"}[modifier]],
        )
    assert said(page) == []


@browser
@pytest.mark.parametrize("where", ["text", "area", "select", "editable", "grid", "tab"])
def test_nothing_is_taken_where_keys_mean_something_else(page: Page, where: str) -> None:
    page.focus(f"#{where}")
    for key in ("c", "/", "ArrowLeft", "p", "g", "h"):
        page.keyboard.press(key)
    assert said(page) == []
    assert focused(page) == where


@browser
def test_keys_work_while_a_button_has_the_focus(page: Page) -> None:
    page.focus("#button")
    page.keyboard.press("ArrowRight")
    assert said(page) == ["a:pressed:ArrowRight"]


@browser
def test_nothing_is_taken_while_a_dialog_is_open(page: Page) -> None:
    page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<div role=dialog></div>')")
    page.keyboard.press("p")
    page.keyboard.press("/")
    assert said(page) == []
    page.evaluate("() => document.querySelector('[role=dialog]').remove()")
    page.keyboard.press("p")
    assert said(page) == ["a:pressed:p"]


@browser
def test_a_held_key_counts_once_and_one_that_was_used_not_at_all(page: Page) -> None:
    page.keyboard.down("c")
    page.keyboard.down("c")
    page.keyboard.up("c")
    assert said(page) == ["a:pressed:c"]
    page.evaluate("""() => window.addEventListener("keydown", (event) => event.preventDefault(),
      { capture: true, once: true })""")
    page.keyboard.press("v")
    assert said(page) == []


@browser
def test_search_opens_the_sidebar_and_puts_the_cursor_into_the_list(page: Page) -> None:
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.id === 'tickers'")
    assert page.evaluate("() => document.querySelector('section').dataset.collapsed") == "false"
    assert page.input_value("#tickers") == ""
    assert said(page) == []


@browser
def test_two_keys_must_follow_each_other_soon(page: Page) -> None:
    page.evaluate("""() => { for (const [key, timeStamp] of [["g", 0], ["h", 5000]]) {
      const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
      Object.defineProperty(event, "timeStamp", { value: timeStamp });
      document.body.dispatchEvent(event);
    } }""")
    assert said(page) == []
    page.keyboard.press("g")
    page.keyboard.press("v")  # not a page
    page.keyboard.press("h")
    page.keyboard.press("c")
    assert said(page) == ["a:pressed:c"]


@browser
def test_running_and_mounting_again_replaces_the_listener(page: Page) -> None:
    page.evaluate("() => { mount('a'); window.cleanup = mount('b'); }")
    page.keyboard.press("c")
    assert said(page) == ["b:pressed:c"]
    page.evaluate(MOUNT, [SCRIPT, [key.value for key in Key], SEARCH])  # a copy of the module
    page.evaluate("() => { window.last = mount('c'); }")
    page.keyboard.press("c")
    assert said(page) == ["c:pressed:c"]
    page.evaluate("() => cleanup()")  # the one before goes late
    page.keyboard.press("c")
    assert said(page) == ["c:pressed:c"]


@browser
def test_nothing_listens_after_the_last_has_gone(page: Page) -> None:
    page.evaluate("() => cleanup()")
    page.keyboard.press("c")
    page.keyboard.press("/")
    assert said(page) == []
    assert focused(page) != "tickers"


def test_the_script_says_nothing_of_its_own_about_keys() -> None:
    """The one list of them is Python's."""
    assert not [key for key in Key if f"{json.dumps(key.value)}" in SCRIPT]


# --- in the app -----------------------------------------------------------------------------


@browser
def test_going_to_a_page_by_key_keeps_what_the_viewer_chose(chromium: Page, tmp_path: Path) -> None:
    """The script ends where it switches, and must not have lost the sidebar by then."""
    with starting_apps(tmp_path) as start:
        chromium.goto(f"{start().url}/?tickers=KO&tickers=IBM&colours=red-green")
        pause = chromium.get_by_test_id("stSidebar").get_by_role("switch", name="Pause")
        chromium.wait_for_function("() => document[Symbol.for('stocktracker.keyboard')]")
        chromium.keyboard.press("p")
        expect(pause).to_be_checked(timeout=20_000)
        for keys, path in (("s", "/company?"), ("gh", "/history?"), ("gl", "/?")):
            for key in keys:
                chromium.keyboard.press(key)
            chromium.wait_for_url(
                lambda url, path=path: (
                    path in url and "tickers=KO&tickers=IBM" in url and "colours=red-green" in url
                )
            )
            expect(pause).to_be_checked()
