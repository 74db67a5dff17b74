"""What is written down: without secrets, one line a record, the newest kept."""

from __future__ import annotations

import logging
import threading

import pytest

from stocktracker.journal import (
    Journal,
    RedactingFormatter,
    escape,
    install,
    make_redactor,
    uninstall,
)

KEY = "SENTINEL0KEY42"


@pytest.fixture
def journal():
    installed = install([KEY])
    yield installed
    uninstall(installed)


def record(message: str, *args: object, exc_info=None) -> logging.LogRecord:
    made = logging.LogRecord("stocktracker.x", logging.INFO, __file__, 1, message, args, exc_info)
    made.created = 1_780_000_000.0
    return made


def failure(text: str):
    try:
        raise ValueError(text)
    except ValueError as error:
        return type(error), error, error.__traceback__


@pytest.mark.parametrize(
    "text",
    [
        f"We have detected your API key as {KEY} and",
        f"see {KEY.lower()}",
        f"https://x/query?function=A&apikey={KEY}&symbol=B",
        "https://x/query?function=A&apikey=SOMEBODYELSES&symbol=B",
        "url=https%3A%2F%2Fx%2Fquery%3Fapikey%3DSOMEBODYELSES",
    ],
)
def test_a_key_is_redacted_however_it_comes(text):
    redacted = make_redactor([KEY])(text)
    assert KEY.lower() not in redacted.lower()
    assert "SOMEBODYELSES" not in redacted
    assert "[redacted]" in redacted


def test_a_key_is_redacted_in_its_url_encoded_form():
    redact = make_redactor(["a b/c"])
    assert redact("<a%20b%2Fc>") == redact("<a+b%2Fc>") == "<[redacted]>"


def test_without_secrets_texts_stay_as_they_are():
    assert make_redactor([])("nothing to hide") == "nothing to hide"
    assert make_redactor([""])("nothing to hide") == "nothing to hide"


def test_a_record_is_one_line_with_its_time_in_utc():
    line = RedactingFormatter().format(record("ticker=%s recovered", "IBM"))
    assert line == "2026-05-28T20:26:40Z INFO stocktracker.x: ticker=IBM recovered"


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("IBM\nERROR forged", r"IBM\nERROR forged"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u2028b", r"a\u2028b"),
        ("\ud800", r"\ud800"),
        ("Zürich – 漢字", "Zürich – 漢字"),
    ],
)
def test_what_cannot_be_printed_is_escaped(hostile, harmless):
    assert escape(hostile) == harmless
    assert RedactingFormatter().format(record("%s", hostile)).endswith(f": {harmless}")


def test_a_traceback_keeps_its_lines_without_the_key_and_cannot_forge_a_record():
    text = RedactingFormatter([KEY]).format(
        record("failed", exc_info=failure(f"apikey={KEY}\n2026-01-01T00:00:00Z ERROR forged\x1b"))
    )
    first, *rest = text.split("\n")
    assert first.endswith("failed")
    assert len(rest) > 3
    assert all(line.startswith("    ") for line in rest)
    assert KEY not in text
    assert "\x1b" not in text


def test_arguments_that_do_not_fit_are_not_printed():
    line = RedactingFormatter().format(record("two %s %s", "one"))
    assert line.endswith("two %s %s (its arguments do not fit)")


def test_the_journal_keeps_the_newest_lines_in_order():
    journal = Journal(size=3)
    for number in range(5):
        journal.handle(record("line %d", number))
    assert [line[-1] for line in journal.lines()] == ["2", "3", "4"]


def test_our_log_reaches_the_journal_and_stderr_redacted(journal, capsys):
    logging.getLogger("stocktracker.polling.poller").info("key %s", KEY)
    logging.getLogger("stocktracker.polling.poller").debug("not this")
    (line,) = journal.lines()
    assert line.endswith("INFO stocktracker.polling.poller: key [redacted]")
    assert capsys.readouterr().err == line + "\n"


def test_of_urllib3_only_warnings_are_written_and_redacted(journal):
    logging.getLogger("urllib3.connectionpool").debug("GET /query?apikey=%s", KEY)
    logging.getLogger("urllib3.connection").warning("url=/query?apikey=%s", KEY)
    (line,) = journal.lines()
    assert "WARNING urllib3.connection: url=/query?apikey=[redacted]" in line


def test_the_root_loggers_handlers_get_nothing_while_installed(journal):
    elsewhere = Journal()
    logging.getLogger().addHandler(elsewhere)
    try:
        logging.getLogger("stocktracker").error("key %s", KEY)
    finally:
        logging.getLogger().removeHandler(elsewhere)
    assert elsewhere.lines() == []
    assert len(journal.lines()) == 1


def test_installing_twice_writes_each_line_once(journal, capsys):
    second = install([KEY])
    logging.getLogger("stocktracker").info("once")
    assert journal.lines() == []
    assert len(second.lines()) == 1
    assert capsys.readouterr().err.count("once") == 1
    uninstall(journal)
    logging.getLogger("stocktracker").info("still")
    assert len(second.lines()) == 2
    uninstall(second)


def test_uninstalling_leaves_the_loggers_as_they_were():
    for _ in range(2):
        installed = install([KEY])
    uninstall(installed)
    uninstall(installed)
    for name in ("stocktracker", "urllib3"):
        logger = logging.getLogger(name)
        assert logger.level == logging.NOTSET
        assert logger.propagate
        assert not [h for h in logger.handlers if (h.get_name() or "").startswith("stocktracker")]


def test_a_stderr_that_is_gone_does_not_stop_the_log(journal, monkeypatch):
    class Gone:
        def write(self, _text: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    logging.getLogger("stocktracker").info("kept")
    assert len(journal.lines()) == 1


def test_many_threads_may_write_while_one_reads(journal):
    def write(name: int) -> None:
        for number in range(50):
            logging.getLogger("stocktracker").info("%d %d", name, number)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        journal.lines()
    for thread in threads:
        thread.join()
    assert len(journal.lines()) == 200
