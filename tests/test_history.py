"""A history is what is stored, as one series, and says of itself what it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import History, aligned_closes, make_history
from stocktracker.figures.weeks import aggregate
from stocktracker.fundamentals import Dividend, Dividends, Split, Splits
from stocktracker.model import Bars, Feed, Interval, Quote, Ticker
from tests.helpers import daily, intraday, quote, utc, weekly

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
IBM = Ticker("IBM")
NEW_YORK = ZoneInfo("America/New_York")
NOW = utc("2026-11-23T22:00")


def splits(*rows: tuple[str, float], fetched_at: datetime = NOW) -> Splits:
    found = tuple(Split(date.fromisoformat(day), factor) for day, factor in rows)
    return Splits(ticker=IBM, fetched_at=fetched_at, source="test splits", rows=found)


def dividends(*rows: tuple[str, float]) -> Dividends:
    found = tuple(Dividend(date.fromisoformat(day), amount) for day, amount in rows)
    return Dividends(ticker=IBM, fetched_at=NOW, source="test", rows=found)


def days(count: int, close: float = 100.0, *, end: str = "2026-11-23", ticker: str = "IBM") -> Bars:
    """The newest business days, Thanksgiving and all else disregarded, at one price."""
    dates = [f"{day:%Y-%m-%d}" for day in pd.bdate_range(end=end, periods=count)]
    return daily(ticker, dict.fromkeys(dates, close), fetched_at=NOW)


def weeks(
    count: int, close: float = 100.0, *, end: str = "2026-11-20", ticker: str = "IBM"
) -> Bars:
    dates = [f"{day:%Y-%m-%d}" for day in pd.date_range(end=end, periods=count, freq="W-FRI")]
    return weekly(ticker, dict.fromkeys(dates, close), fetched_at=NOW)


def history(
    *bars: Bars,
    asked: str = "3M",
    series: Series = Series.RAW,
    interval: Interval = Interval.DAILY,
    quote: Quote | None = None,
    **more: Any,
) -> History:
    feeds = {
        Interval.FIVE_MINUTES: Feed.INTRADAY,
        Interval.DAILY: Feed.DAILY,
        Interval.WEEKLY: Feed.WEEKLY,
    }
    found = make_history(
        Range(asked),
        series,
        interval=interval,
        bars={feeds[each.interval]: each for each in bars},
        quote=quote,
        **{"splits": None, "dividends": None, "zone": NEW_YORK, "now": NOW, **more},
    )
    assert found is not None
    return found


def closes(found: History) -> list[float]:
    return [round(close, 6) for close in found.frame["close"]]


# --- what it is made of -----------------------------------------------------------------------


def test_a_history_is_its_range_and_the_bars_before_it_run_up_to_it() -> None:
    found = history(days(100), asked="1M")
    assert (found.first, found.last) == (pd.Timestamp("2026-10-23"), pd.Timestamp("2026-11-23"))
    assert len(found.run_up) + len(found.frame) == 100
    assert found.run_up.index[-1] == pd.Timestamp("2026-10-22")
    assert list(found.frame) == ["open", "high", "low", "close", "volume", "fetched_at", "final"]
    assert list(found.run_up) == list(found.frame)
    assert (found.ticker, found.currency, found.sources) == ("IBM", "USD", ("test",))


@pytest.mark.parametrize("interval", list(Interval))
def test_without_bars_of_the_interval_there_is_no_history(interval: Interval) -> None:
    for stored in (None, replace(days(2), frame=days(2).frame.iloc[:0])):
        found = make_history(
            Range.MONTH,
            Series.RAW,
            interval=interval,
            bars={Feed.DAILY: stored, Feed.WEEKLY: stored},
            quote=None,
            splits=None,
            dividends=None,
            zone=NEW_YORK,
            now=NOW,
        )
        assert found is None


def test_the_running_day_comes_from_the_quote_and_is_not_final() -> None:
    noon = utc("2026-11-23T17:00")
    live = quote("IBM", 104.0, fetched_at=noon)
    found = history(days(99, end="2026-11-20"), quote=live, now=noon)
    assert closes(found)[-2:] == [100.0, 104.0]
    assert found.frame["final"].tolist()[-2:] == [True, False]
    assert found.fetched_at == NOW
    assert found.notes[-1] == "the bar of 23 Nov 2026 is not final"


def test_the_running_week_grows_with_the_quote() -> None:
    noon = utc("2026-11-23T17:00")
    live = quote("IBM", 104.0, fetched_at=noon)
    found = history(
        weeks(300),
        days(99, end="2026-11-20"),
        asked="5Y",
        interval=Interval.WEEKLY,
        quote=live,
        now=noon,
    )
    assert closes(found)[-2:] == [100.0, 104.0]
    assert found.notes == ("the week's bar up to 23 Nov 2026 is not final",)


def test_intraday_bars_are_final_five_minutes_after_they_begin() -> None:
    bars = intraday(
        "IBM",
        {"2026-11-20T20:55": 99.0, "2026-11-23T14:30": 100.0, "2026-11-23T14:35": 101.0},
        fetched_at=utc("2026-11-23T14:37"),
    )
    found = history(bars, asked="1D", interval=Interval.FIVE_MINUTES)
    assert closes(found) == [100.0, 101.0]
    assert found.frame["final"].tolist() == [True, False]
    assert found.notes == ("the newest bar is not final",)
    assert found.run_up["close"].tolist() == [99.0]


def test_a_history_that_begins_later_than_asked_says_so_and_what_it_lacks() -> None:
    found = history(days(20), asked="1Y")
    assert found.notes[0] == "history begins 27 Oct 2026"
    assert found.lacking == (Feed.WEEKLY,)
    assert history(days(100), asked="3M").lacking == ()


def test_missing_sessions_are_said_and_holidays_are_none() -> None:
    whole = daily(
        "IBM",
        dict.fromkeys(("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"), 100.0),
        fetched_at=utc("2026-11-28T00:00"),
    )
    found = history(whole, asked="Max", now=utc("2026-11-28T00:00"))
    assert found.notes == ()
    holed = replace(whole, frame=whole.frame.drop(pd.Timestamp("2026-11-24")))
    found = history(holed, asked="Max", now=utc("2026-11-28T00:00"))
    assert found.notes == ("no bar for 24 Nov 2026",)
    bars = days(30)
    holed = replace(bars, frame=bars.frame.drop(bars.frame.index[10:16]))
    assert "no bars for 6 sessions from 27 Oct 2026 to 3 Nov 2026" in history(holed).notes


def test_a_history_that_has_ended_says_so() -> None:
    found = history(days(100, end="2026-11-13"))
    assert "no bars since 13 Nov 2026" in found.notes
    assert history(days(100, end="2026-11-16")).notes == ()


def test_its_version_is_the_newest_change_of_anything_in_it() -> None:
    later = NOW + timedelta(hours=1)
    found = history(days(100), splits=splits(fetched_at=later))
    assert found.fetched_at == later
    assert found.version == f"IBM 3M daily As traded {later.isoformat()}"
    assert found.sources == ("test", "test splits")


# --- which series -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "known", "got", "lacking", "note"),
    [
        (Series.RAW, "", Series.RAW, (), None),
        (Series.SPLITS, "s", Series.SPLITS, (), None),
        (Series.SPLITS, "", Series.RAW, (Feed.SPLITS,), "splits are not known yet: "),
        (Series.TOTAL, "sd", Series.TOTAL, (), None),
        (Series.TOTAL, "s", Series.SPLITS, (Feed.DIVIDENDS,), "dividends are not known yet and "),
        (Series.TOTAL, "d", Series.RAW, (Feed.SPLITS,), "splits are not known yet: "),
        (Series.TOTAL, "", Series.RAW, (Feed.DIVIDENDS, Feed.SPLITS), "splits are not known yet: "),
    ],
)
def test_a_series_that_is_not_known_falls_back_to_the_best_that_is_right(
    asked: Series, known: str, got: Series, lacking: Sequence[Feed], note: str | None
) -> None:
    found = history(
        days(100),
        series=asked,
        splits=splits(("2026-11-04", 2.0)) if "s" in known else None,
        dividends=dividends(("2026-11-04", 1.0)) if "d" in known else None,
    )
    assert (found.series, found.lacking) == (got, lacking)
    assert [text for text in found.notes if "not known yet" in text][:1] == [
        text for text in found.notes if note and text.startswith(note)
    ]


def test_splits_and_dividends_of_the_range_come_with_it() -> None:
    found = history(
        days(100),
        asked="1M",
        splits=splits(("2026-10-20", 1.01), ("2026-11-04", 1.02), ("2027-01-04", 2.0)),
        dividends=dividends(("2026-10-22", 1.0), ("2026-10-23", 1.5), ("2026-11-23", 2.0)),
    )
    assert [each.factor for each in found.splits] == [1.02]
    assert [each.amount for each in found.dividends] == [1.5, 2.0]


def test_a_jump_that_looks_like_a_split_is_said_and_is_a_reason_to_ask() -> None:
    bars = days(100)
    bars.frame.loc["2026-11-09":, ["open", "high", "low", "close"]] /= 10  # type: ignore[misc]
    earlier = splits(fetched_at=utc("2026-11-01T00:00"))
    found = history(bars, series=Series.SPLITS, splits=earlier)
    words = "a jump on 9 Nov 2026 looks like a 10:1 split that is not known"
    assert words in found.notes
    assert [str(each) for each in found.suspects] == ["10:1"]
    assert found.lacking == (Feed.SPLITS,)
    answered = history(bars, series=Series.SPLITS, splits=earlier, splits_asked_at=NOW)
    assert (answered.lacking, words in answered.notes) == ((), True)
    known = history(bars, series=Series.SPLITS, splits=splits(("2026-11-09", 10.0)))
    assert (known.suspects, known.lacking, closes(known)) == ((), (), [10.0] * len(known.frame))


def test_an_event_that_cannot_be_right_is_left_out_and_said() -> None:
    found = history(
        days(100), series=Series.TOTAL, splits=splits(), dividends=dividends(("2026-11-04", 500.0))
    )
    assert any(text.startswith("the dividend of 4 Nov 2026 (500)") for text in found.notes)


# --- weekly history without a seam ------------------------------------------------------------


def test_a_split_after_the_weekly_bars_were_got_leaves_no_seam() -> None:
    """Weekly bars as of 2 October, a 4:1 split on Wednesday 28 October, days since September."""
    old = weeks(200, 400.0, end="2026-10-02")
    new = days(60, 400.0)
    new.frame.loc["2026-10-28":, ["open", "high", "low", "close"]] = 100.0  # type: ignore[misc]
    new.frame.loc[:"2026-10-27", "high"] = 404.0  # type: ignore[misc]
    known = {"splits": splits(("2026-10-28", 4.0))}
    found = history(old, new, asked="Max", series=Series.SPLITS, interval=Interval.WEEKLY, **known)
    assert closes(found) == [100.0] * len(found.frame)
    of_the_split = found.frame.loc["2026-10-30"]
    assert of_the_split[["open", "high"]].tolist() == [100.0, 101.0]
    assert of_the_split["volume"] == 2 * 4000 + 3 * 1000
    assert found.notes == ("the week's bar up to 23 Nov 2026 is not final",)


def test_a_split_in_the_midst_of_a_partial_weekly_bar_leaves_no_seam() -> None:
    """Weekly bars got on Tuesday, a split on Wednesday, and days from that Tuesday on only."""
    old = weekly(
        "IBM", {"2026-11-13": 400.0, "2026-11-17": 404.0}, fetched_at=utc("2026-11-17T23:00")
    )
    new = daily(
        "IBM",
        {"2026-11-17": 404.0, "2026-11-18": 102.0, "2026-11-19": 103.0, "2026-11-20": 104.0},
        fetched_at=NOW,
    )
    known = {"splits": splits(("2026-11-18", 4.0))}
    found = history(old, new, asked="Max", series=Series.SPLITS, interval=Interval.WEEKLY, **known)
    assert closes(found) == [100.0, 104.0]
    assert found.frame["open"].tolist() == [100.0, 101.0]
    assert found.frame["high"].tolist() == [401 / 4, 105.0]
    assert found.frame["volume"].tolist() == [4000.0, 4000.0 + 3000.0]


def test_a_dividend_is_taken_off_weeks_by_the_ex_days_own_close() -> None:
    """The ex-day is a Wednesday at 95; its week closes at 190, which must not matter."""
    new = days(60, 100.0)
    new.frame.loc["2026-11-18", "close"] = 95.0
    new.frame.loc["2026-11-19":, "close"] = 190.0  # type: ignore[misc]
    found = history(
        weeks(200),
        new,
        asked="5Y",
        series=Series.TOTAL,
        interval=Interval.WEEKLY,
        splits=splits(),
        dividends=dividends(("2026-11-18", 5.0)),
    )
    assert closes(found)[:-2] == [95.0] * (len(found.frame) - 2)


def test_weekly_history_is_made_of_days_where_no_weeks_are_stored() -> None:
    found = history(days(1400), asked="5Y", interval=Interval.WEEKLY)
    assert found.interval is Interval.WEEKLY
    assert len(found.frame) in (261, 262)
    assert found.lacking == ()


TRUE_DAYS = pd.bdate_range("2026-06-22", "2026-09-04", name="date").drop(pd.Timestamp("2026-07-03"))
TRUE_CLOSES = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, len(TRUE_DAYS))))
TRUE = pd.DataFrame(
    {
        "open": TRUE_CLOSES * 0.995,
        "high": TRUE_CLOSES * 1.01,
        "low": TRUE_CLOSES * 0.99,
        "close": TRUE_CLOSES,
        "volume": 1000.0,
        "fetched_at": pd.Timestamp(NOW),
    },
    index=TRUE_DAYS,
)


@settings(deadline=None)
@given(
    split=st.integers(1, len(TRUE_DAYS) - 1),
    told=st.integers(1, len(TRUE_DAYS)),
    begins=st.integers(0, len(TRUE_DAYS) - 1),
    factor=st.sampled_from([2.0, 3.0, 10.0, 0.1, 1.046]),
)
def test_wherever_a_split_falls_weeks_and_days_are_the_true_weeks(
    split: int, told: int, begins: int, factor: float
) -> None:
    """Weekly bars are raw and as of some day; daily ones are raw and begin no later than that."""
    raw = TRUE.copy()
    raw.iloc[:split, :4] *= factor
    raw.iloc[:split, 4] /= factor
    old = Bars(IBM, Interval.WEEKLY, aggregate(raw.iloc[:told]), NOW, "test", "USD")
    new = Bars(IBM, Interval.DAILY, raw.iloc[min(begins, told) :], NOW, "test", "USD")
    known = splits((f"{TRUE_DAYS[split]:%Y-%m-%d}", factor))
    if new.frame.empty:
        return
    found = history(
        old, new, asked="Max", series=Series.SPLITS, interval=Interval.WEEKLY, splits=known
    )
    truth = aggregate(TRUE)
    frame = found.frame
    pd.testing.assert_index_equal(frame.index, truth.index)
    pd.testing.assert_series_equal(frame["close"], truth["close"], rtol=1e-9)
    np.testing.assert_allclose(frame["open"], truth["open"], rtol=1e-9)
    assert (frame["high"] <= truth["high"] * (1 + 1e-9)).all()
    assert (frame["low"] >= truth["low"] * (1 - 1e-9)).all()
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    volumes = frame["volume"].dropna()
    np.testing.assert_allclose(volumes, truth["volume"].loc[volumes.index], rtol=1e-9)
    assert len(volumes) >= len(frame) - 1


@recorded
def test_two_calls_of_ibm_are_25_years_that_equal_upstreams_own_adjusted_closes() -> None:
    def recording(name: str) -> pd.DataFrame:
        path = RECORDINGS / f"portfoliotree__{name}_IBM.csv"
        frame = pd.read_csv(path, index_col=0, parse_dates=[0]).sort_index()
        frame = frame.rename(columns={"adjusted close": "adjusted_close"})
        return frame.astype({"volume": float}).assign(fetched_at=pd.Timestamp(got))

    got = utc("2026-05-17T12:00")
    whole = recording("weekly_adjusted")
    compact = recording("daily_compact")
    paid = pd.read_csv(RECORDINGS / "portfoliotree__dividends_IBM.csv")
    rows = tuple(zip(paid["ex_dividend_date"], paid["amount"], strict=True))[::-1]
    old = Bars(IBM, Interval.WEEKLY, whole, got, "Alpha Vantage", "USD")
    new = Bars(IBM, Interval.DAILY, compact, got, "Alpha Vantage", "USD")
    found = history(
        old,
        new,
        asked="Max",
        series=Series.TOTAL,
        interval=Interval.WEEKLY,
        splits=splits(("1999-05-27", 2.0), ("2021-11-04", 1.046)),
        dividends=dividends(*rows),
        now=got,
    )
    assert (found.frame["close"] / whole["adjusted_close"] - 1).abs().max() < 1.5e-5
    assert found.notes == ()
    pd.testing.assert_index_equal(found.frame.index, whole.index, check_names=False)
    raw = history(old, new, asked="Max", interval=Interval.WEEKLY, now=got)
    figures = ["open", "high", "low", "close", "volume"]
    assert (raw.frame[figures] == whole[figures]).all().all()
    assert len(aggregate(compact)) == 21


# --- several histories on common dates --------------------------------------------------------


def of(ticker: str, prices: dict[str, float], **more: Any) -> History:
    bars = daily(ticker, prices, fetched_at=NOW)
    return history(bars, asked="Max", **more)


def test_closes_are_aligned_on_common_dates_and_what_is_dropped_is_counted() -> None:
    one = of("IBM", {"2026-11-18": 1, "2026-11-19": 2, "2026-11-20": 3, "2026-11-23": 4})
    two = of("SPY", {"2026-11-19": 20, "2026-11-23": 40})
    aligned = aligned_closes([one, two])
    assert aligned.frame.to_dict("list") == {"IBM": [2, 4], "SPY": [20, 40]}
    assert aligned.first_common == pd.Timestamp("2026-11-19")
    assert aligned.dropped == {"IBM": 1, "SPY": 0}
    assert aligned.notes == (
        "SPY begins 19 Nov 2026, and so does the comparison",
        "1 bar of IBM left out, as others have none then",
    )


def test_an_unknown_close_is_dropped_for_all_and_never_filled() -> None:
    one = of("IBM", {"2026-11-19": 2, "2026-11-20": 3, "2026-11-23": 4})
    one.frame.loc["2026-11-20", "close"] = np.nan
    two = of("SPY", {"2026-11-19": 20, "2026-11-20": 30, "2026-11-23": 40})
    aligned = aligned_closes([one, two])
    assert aligned.frame["SPY"].tolist() == [20, 40]
    assert aligned.dropped == {"IBM": 0, "SPY": 1}


def test_weeks_are_aligned_by_week_whatever_day_they_end_on() -> None:
    """Good Friday closes New York on 3 April 2026; the other market trades on."""
    one = weekly("IBM", {"2026-04-02": 1.0, "2026-04-10": 2.0}, fetched_at=NOW)
    two = weekly("X", {"2026-04-03": 10.0, "2026-04-10": 20.0}, fetched_at=NOW)
    both = [history(each, asked="Max", interval=Interval.WEEKLY) for each in (one, two)]
    aligned = aligned_closes(both)
    assert aligned.frame.to_dict("list") == {"IBM": [1, 2], "X": [10, 20]}
    assert [f"{day:%m-%d}" for day in aligned.frame.index] == ["04-03", "04-10"]
    assert aligned.interval is Interval.WEEKLY
    assert aligned.notes == ()


def test_days_are_compared_week_by_week_as_soon_as_one_history_is_weekly() -> None:
    one = history(days(30), asked="Max")
    two = history(weeks(200, ticker="SPY"), asked="Max", interval=Interval.WEEKLY)
    aligned = aligned_closes([one, two])
    assert aligned.interval is Interval.WEEKLY
    assert len(aligned.frame) == 6
    assert aligned.notes[1] == "SPY ends 20 Nov 2026"


def test_a_ticker_counts_once_and_alone_it_is_itself() -> None:
    one = of("IBM", {"2026-11-19": 2, "2026-11-20": 3})
    aligned = aligned_closes([one, one])
    assert aligned.frame.to_dict("list") == {"IBM": [2, 3]}
    assert (aligned.dropped, aligned.notes) == ({"IBM": 0}, ())


def test_histories_without_a_common_date_are_empty_and_say_so() -> None:
    aligned = aligned_closes([of("IBM", {"2026-11-19": 2}), of("SPY", {"2026-11-20": 3})])
    assert (aligned.frame.empty, aligned.first_common) == (True, None)
    assert aligned.notes == ("there is no date that all have in common",)
    assert aligned.dropped == {"IBM": 0, "SPY": 0}


def test_different_series_and_currencies_are_said() -> None:
    prices = {"2026-11-19": 2.0, "2026-11-20": 3.0}
    one = of("IBM", prices, series=Series.SPLITS, splits=splits())
    two = replace(of("TSCO.LON", prices), currency="GBX")
    assert aligned_closes([one, two]).notes == (
        "not all are the same series: IBM split-adjusted, TSCO.LON as traded",
        "returns are in each ticker's own currency",
    )


def test_what_cannot_be_compared_is_refused() -> None:
    bars = intraday("SPY", {"2026-11-23T14:30": 100.0}, fetched_at=NOW)
    minutes = history(bars, asked="1D", interval=Interval.FIVE_MINUTES)
    with pytest.raises(ValueError, match="intraday"):
        aligned_closes([minutes, of("IBM", {"2026-11-23": 1.0})])
    with pytest.raises(ValueError, match="no histories"):
        aligned_closes([])
