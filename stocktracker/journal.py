"""What the server writes down: one line a record, without secrets, the newest kept in memory.

Redaction is done on the finished text, so that no way of logging goes round it: arguments,
exception texts and tracebacks are covered alike. Never writes files, never configures the root
logger, and does nothing on import. Of libraries' logs it knows only how to keep a line a line.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

OURS = "stocktracker"
THEIRS = "urllib3"
LINES = 200
REDACTED = "[redacted]"

# Under these names a handler is found again after a hot reload has made this module a second time.
JOURNAL_NAME = "stocktracker.journal"
STDERR_NAME = "stocktracker.stderr"

_IN_QUERY = re.compile(r"(apikey(?:=|%3D))[^&\s\"'<>]+", re.IGNORECASE)


def make_redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that takes the secrets, however they are spelt in a URL, out of a text.

    What follows `apikey=` goes as well, whosever key it is.
    """
    spellings = {
        spelling
        for secret in secrets
        if secret
        for spelling in (secret, quote(secret, safe=""), quote_plus(secret))
    }
    # The longest first: a spelling that contains another one goes as a whole.
    ordered = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    known = re.compile("|".join(map(re.escape, ordered)) or r"(?!)", re.IGNORECASE)

    def redact(text: str) -> str:
        return known.sub(REDACTED, _IN_QUERY.sub(rf"\g<1>{REDACTED}", text))

    return redact


def escape(text: str) -> str:
    """The text on one line: line ends, ESC, bidi controls and the like as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class RedactingFormatter(logging.Formatter):
    """One line a record, times in UTC; the lines of a traceback follow it, indented."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        self._redact = make_redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        record.asctime = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"
        lines = [escape(self.formatMessage(record))]
        # Indented, so that a line end inside an exception's text cannot pass for a record.
        lines += [f"    {escape(line)}" for line in _traceback_lines(record)]
        return self._redact("\n".join(lines))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # Left to itself, logging would print the arguments as they are.
        return f"{record.msg} (its arguments do not fit)"


def _traceback_lines(record: logging.LogRecord) -> list[str]:
    text = ""
    if record.exc_info and record.exc_info[0] is not None:
        text += "".join(traceback.format_exception(*record.exc_info))
    if record.stack_info:
        text += record.stack_info
    return text.splitlines()


class Journal(logging.Handler):
    """The last formatted lines, for the status page."""

    def __init__(self, secrets: Iterable[str] = (), *, size: int = LINES) -> None:
        super().__init__()
        self.set_name(JOURNAL_NAME)
        self.setFormatter(RedactingFormatter(secrets))
        self._lines: deque[str] = deque(maxlen=size)

    def emit(self, record: logging.LogRecord) -> None:
        # Called with the handler's lock held: see logging.Handler.handle.
        self._lines.extend(self.format(record).split("\n"))

    def lines(self) -> list[str]:
        """The newest last."""
        self.acquire()
        try:
            return list(self._lines)
        finally:
            self.release()


class _Stderr(logging.Handler):
    """Writes to whatever sys.stderr is at that moment; a log that cannot be written is no error."""

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self.set_name(STDERR_NAME)
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if sys.stderr is not None:
                sys.stderr.write(self.format(record) + "\n")
                sys.stderr.flush()
        except (OSError, ValueError):
            # The terminal is gone. The journal has the line all the same.
            return


class _TamedRecord(logging.LogRecord):
    """One line, whatever it is told: Streamlit, for one, logs what was in a link."""

    def getMessage(self) -> str:
        return escape(super().getMessage())


def tame_libraries() -> None:
    """Have every library's messages on one line too, in whatever way it writes them.

    For a program of its own, as it is for the whole process. May be called again.
    """
    logging.setLogRecordFactory(_TamedRecord)


def install(secrets: Iterable[str] = ()) -> Journal:
    """Send our log, and urllib3's warnings, to stderr and to a journal.

    May be called again: the new journal takes the place of the old one, and no line comes twice.
    """
    journal = Journal(secrets)
    stderr = _Stderr(journal.formatter)
    for name, level in ((OURS, logging.INFO), (THEIRS, logging.WARNING)):
        logger = logging.getLogger(name)
        _detach(logger)
        logger.addHandler(journal)
        logger.addHandler(stderr)
        logger.setLevel(level)
        # The root logger's handlers, where somebody set some up, would write without redaction.
        logger.propagate = False
    return journal


def uninstall(journal: Journal) -> None:
    """Undo `install`, unless a later one has taken its place. May be called again."""
    for name in (OURS, THEIRS):
        logger = logging.getLogger(name)
        if journal in logger.handlers:
            _detach(logger)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
    journal.close()


def _detach(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        if handler.get_name() in (JOURNAL_NAME, STDERR_NAME):
            logger.removeHandler(handler)
