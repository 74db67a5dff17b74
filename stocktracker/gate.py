"""The gate in front of every page: who is not admitted sees one page with a button and no data.

It reads Streamlit's own account of the visitor (`st.user`), and lets nothing through that it does
not know. It never decides who is on the list; `signin` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import streamlit as st

from stocktracker.runtime import Runtime
from stocktracker.runtime import current_runtime as runtime_of_server
from stocktracker.signin import Admission, admit

WORDS = {
    Admission.NOT_SIGNED_IN: "Sign in to see prices.",
    Admission.ENDED: "Your sign-in has ended. Sign in again to see prices.",
    Admission.UNVERIFIED: "Your provider does not confirm your e-mail address, so it cannot be "
    "compared with the list of those who may come in.",
    Admission.NOT_LISTED: "You are signed in, but not on the list of those who may come in. "
    "Who runs this server can add you.",
}


def admission() -> Admission:
    """What this session's visitor is, now."""
    runtime = runtime_of_server()
    people = runtime.settings.sign_in
    if people is None:
        return Admission.ADMITTED
    return admit(st.user.to_dict(), people, runtime.now())


def current_runtime() -> Runtime:
    """The runtime, for those who are admitted; the run of anybody else ends here.

    Pages, pieces and callbacks have no other way to it.
    """
    if admission() is not Admission.ADMITTED:
        st.stop()
    return runtime_of_server()


def hold(draw: Callable[[], None]) -> Callable[[], None]:
    """What a fragment draws, as long as the visitor is admitted; from then on, the gate."""

    @wraps(draw)  # Streamlit tells fragments apart by their names
    def draw_if_admitted() -> None:
        if admission() is not Admission.ADMITTED:
            st.rerun()  # of the whole script, which draws the gate and forgets the page
        draw()

    return draw_if_admitted


def stop_unless_admitted(forget: Callable[[], None]) -> None:
    """Before anything is drawn or wanted. `forget` ends what the visitor had wanted before."""
    now = admission()
    if now is Admission.ADMITTED:
        return
    forget()
    st.set_page_config(page_title="stocktracker")  # no icon: the guard hands out no file either
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("stocktracker")
        st.text(WORDS[now])
        if now is Admission.NOT_SIGNED_IN:
            _button("Sign in", st.login)
        elif now is Admission.ENDED:
            _button("Sign in again", st.login)
            _button("Sign out", st.logout)
        else:
            _button("Sign out", st.logout)
    st.stop()


def sign_out_button() -> None:
    """Who is signed in, and the way out; nothing where nobody signs in."""
    if runtime_of_server().settings.sign_in is None:
        return
    email = st.user.to_dict().get("email")
    _button("Sign out", st.logout, help=f"Signed in as {str(email).translate(_PLAIN)}")


# A tooltip is Markdown: whatever is not needed in an address goes.
_PLAIN = {ord(character): None for character in "[]()!<>`*_~:$\\|"}


def _button(label: str, act: Callable[[], None], help: str | None = None) -> None:
    if st.button(label, key=f"gate: {label}", help=help):
        act()
