"""Shortcuts: one listener in the browser, one key a run in Python.

An invisible component listens on the page and reports a key as a trigger, so that the script runs
once for it; whoever the key concerns takes it. What needs no server is done in the browser: `/`
puts the cursor into the list of tickers. Never listens while somebody types, in a dialog, in a menu
or in a table, and never to keys together with Ctrl, Alt or the command key.
"""

from __future__ import annotations

from enum import StrEnum
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

PRESSED = "key pressed"
# Which dialog is open, as only one can be: a run that does not draw it again closes it.
DIALOG = "dialog"
HELP = "shortcuts"


class Key(StrEnum):
    """What is reported; the values are the browser's names, two of them for one after the other."""

    HELP = "?"
    PREVIOUS_RANGE = "ArrowLeft"
    NEXT_RANGE = "ArrowRight"
    KIND = "c"
    VOLUME = "v"
    LOG = "l"
    BENCHMARK = "b"
    PAUSE = "p"
    COMPANY = "s"
    GO_LIVE = "g l"
    GO_HISTORY = "g h"
    GO_COMPARE = "g c"
    GO_MARKET = "g m"
    GO_STATUS = "g t"


SEARCH = "/"
FACES = {Key.PREVIOUS_RANGE: "←", Key.NEXT_RANGE: "→"}
# In the order of the help; every key once.
MEANINGS: dict[str, dict[str, str]] = {
    "Everywhere": {
        SEARCH: "Add or search tickers",
        Key.PAUSE: "Pause and resume the refreshing",
        Key.HELP: "This help",
    },
    "Chart": {
        Key.PREVIOUS_RANGE: "Shorter range",
        Key.NEXT_RANGE: "Longer range",
        Key.KIND: "Candles or line",
        Key.VOLUME: "Volume on and off",
        Key.LOG: "Logarithmic scale on and off",
        Key.BENCHMARK: "Benchmark on and off",
    },
    "Pages": {
        Key.COMPANY: "Company: summary of the ticker",
        Key.GO_LIVE: "Live",
        Key.GO_HISTORY: "History",
        Key.GO_COMPARE: "Compare",
        Key.GO_MARKET: "Market",
        Key.GO_STATUS: "Status",
    },
}

STYLE = """<style>
.keys { border-collapse: collapse; }
.keys th { text-align: left; padding: .9rem 0 .3rem; font-weight: 600; }
.keys tr:first-child th { padding-top: 0; }
.keys td { padding: .2rem 1rem .2rem 0; }
.keys kbd { display: inline-block; min-width: 1.6rem; padding: .1rem .4rem; text-align: center;
  border: 1px solid currentColor; border-radius: .3rem; font-family: inherit; font-size: .9em; }
</style>"""

ROOMLESS = """<style>
:has(> .st-key-keyboard) { position: absolute; height: 0; overflow: hidden; }
</style>"""

# The listener is held on the document, so that a second run or a second mount replaces it. It
# listens in the capture phase: Streamlit has shortcuts of its own further in.
SCRIPT = """
const HELD = Symbol.for("stocktracker.keyboard");
const WAIT = 1500; // milliseconds in which the second of two keys must follow
const BUSY = [
  "input", "textarea", "select", "iframe", "[contenteditable]:not([contenteditable='false'])",
  ...["textbox", "combobox", "listbox", "option", "menu", "menuitem", "tab", "radio", "radiogroup",
    "slider", "spinbutton", "grid", "gridcell", "tree", "dialog"].map((role) => `[role='${role}']`),
  "[data-testid='stDataFrame']", "#portal",
].join(",");
const MODAL = "[role='dialog'], [role='alertdialog']";
const LIST = "[data-testid='stSidebar'] [data-testid='stMultiSelect'] input";

function isElsewhere(event) {
  if (event.defaultPrevented || event.repeat || event.isComposing) return true;
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const isBusy = (node) => node instanceof Element && node.matches(BUSY);
  return event.composedPath().some(isBusy) || document.querySelector(MODAL) !== null;
}

function search(triesLeft) {
  const input = document.querySelector(LIST);
  const sidebar = document.querySelector("[data-testid='stSidebar']");
  if (sidebar === null || sidebar.dataset.collapsed === "true") {
    if (triesLeft === 30) document.querySelector("[data-testid='stExpandSidebarButton']")?.click();
  } else if (input !== null) {
    input.focus();
    return;
  }
  if (triesLeft > 0) setTimeout(search, 33, triesLeft - 1);
}

// A key would end the run that is on its way, and with it what that has not drawn yet: it waits.
function whenIdle(action, triesLeft) {
  const app = document.querySelector("[data-test-script-state]");
  const idle = app === null || app.getAttribute("data-test-script-state") !== "running";
  if (idle || triesLeft === 0) action();
  else setTimeout(whenIdle, 50, action, triesLeft - 1);
}

export default function ({ data, setTriggerValue }) {
  const known = new Set(data.keys);
  const firsts = new Set(data.keys.filter((key) => key.includes(" ")).map((key) => key[0]));
  let first = "";
  let since = 0;

  const listen = (event) => {
    if (isElsewhere(event)) return;
    const isSecond = first !== "" && event.timeStamp - since < WAIT;
    const key = isSecond ? `${first} ${event.key}` : event.key;
    if (event.key !== "Shift") first = "";
    if (!isSecond && firsts.has(key)) {
      [first, since] = [key, event.timeStamp];
    } else if (key === data.search) {
      search(30);
    } else if (known.has(key)) {
      whenIdle(() => setTriggerValue("pressed", key), 200);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const stop = () => document.removeEventListener("keydown", listen, true);
  document[HELD]?.();
  document[HELD] = stop;
  document.addEventListener("keydown", listen, true);
  return () => {
    stop();
    if (document[HELD] === stop) delete document[HELD];
  };
}
"""

_listener = st.components.v2.component("stocktracker_keyboard", js=SCRIPT)


def make_place() -> DeltaGenerator:
    """Where `listen` draws: it shows nothing, and takes no room, not even while it is loaded."""
    place = st.container(key="keyboard")
    place.html(ROOMLESS)
    return place


def listen(place: DeltaGenerator) -> Key | None:
    """Listen, and say which key this run is about. Once in each full run, before `take`."""
    with place:
        said = _listener(
            key="keyboard listener",
            data={"keys": [key.value for key in Key], "search": SEARCH},
            on_pressed_change=lambda: None,
        )
    key = read_key(said.get("pressed"))
    st.session_state[PRESSED] = key
    return key


def read_key(said: object) -> Key | None:
    """What the browser said, where it is one of ours."""
    return Key(said) if isinstance(said, str) and said in set(Key) else None


def take(*keys: Key) -> Key | None:
    """The pressed key, where it is one of these; nobody else gets it then."""
    key: Key | None = st.session_state.get(PRESSED)
    if key is None or key not in keys:
        return None
    st.session_state[PRESSED] = None
    return key


def face(key: str) -> str:
    """How a key is shown: `←`, `g h`."""
    return FACES.get(Key(key), key) if key in set(Key) else key


def help_button() -> None:
    """For those who do not guess that there are shortcuts."""
    st.button(
        "Shortcuts",
        icon=":material/keyboard:",
        key="help with shortcuts",
        type="tertiary",
        on_click=open_help,
    )


def open_help() -> None:
    st.session_state[DIALOG] = HELP


def _close() -> None:
    st.session_state[DIALOG] = None


@st.dialog("Keyboard shortcuts", on_dismiss=_close)
def help_dialog() -> None:
    """Every shortcut with what it does; ends with Escape."""
    st.html(help_table())


def help_table() -> str:
    """The shortcuts as HTML."""
    rows = []
    for heading, keys in MEANINGS.items():
        rows.append(f'<tr><th colspan="2">{escape(heading)}</th></tr>')
        for key, meaning in keys.items():
            caps = " ".join(f"<kbd>{escape(cap)}</kbd>" for cap in face(key).split())
            rows.append(f"<tr><td>{caps}</td><td>{escape(meaning)}</td></tr>")
    return f'{STYLE}<table class="keys">{"".join(rows)}</table>'


def show_help() -> None:
    """The dialog, while it is open. Once in each full run."""
    if take(Key.HELP):
        open_help()
    if st.session_state.get(DIALOG) == HELP:
        help_dialog()
