"""Every indicator equals what plain arithmetic gives, on recorded bars and on awkward ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures.adjust import Series, adjust
from stocktracker.figures.indicator_specs import (
    CATALOGUE,
    MOST_OVERLAYS,
    MOST_PANES,
    Indicator,
    Place,
    format_indicators,
    limited,
    make,
    parse_indicators,
)
from stocktracker.figures.indicators import compute
from stocktracker.fundamentals import Split, Splits
from stocktracker.model import Ticker

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
NAN = float("nan")


# --- independent computations: lists in, lists out, one step after the other ---------------------

Rows = list[float]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def sma(values: Rows, n: int) -> Rows:
    return [mean(values[i - n + 1 : i + 1]) if i >= n - 1 else NAN for i in range(len(values))]


def ema(values: Rows, n: int, first: int) -> Rows:
    """Seeded at row `first` with the mean of the n rows that end there."""
    out = [NAN] * len(values)
    for i in range(first, len(values)):
        seed = mean(values[i - n + 1 : i + 1])
        out[i] = seed if i == first else out[i - 1] + (values[i] - out[i - 1]) * 2 / (n + 1)
    return out


def wilder(values: Rows, n: int) -> Rows:
    """Row 0 is no value; seeded at row n with the mean of rows 1 to n."""
    out = [NAN] * len(values)
    for i in range(n, len(values)):
        out[i] = mean(values[1 : n + 1]) if i == n else (out[i - 1] * (n - 1) + values[i]) / n
    return out


def by_hand_sma(rows: pd.DataFrame, n: int) -> list[Rows]:
    return [sma(rows["close"].tolist(), n)]


def by_hand_ema(rows: pd.DataFrame, n: int) -> list[Rows]:
    return [ema(rows["close"].tolist(), n, n - 1)]


def by_hand_bb(rows: pd.DataFrame, n: int, deviations: float) -> list[Rows]:
    close = rows["close"].tolist()
    middle = sma(close, n)
    spread = [NAN] * len(close)
    for i in range(n - 1, len(close)):
        spread[i] = math.sqrt(mean([(each - middle[i]) ** 2 for each in close[i - n + 1 : i + 1]]))
    pairs = list(zip(middle, spread, strict=True))
    return [
        [m + deviations * s for m, s in pairs],
        middle,
        [m - deviations * s for m, s in pairs],
    ]


def by_hand_rsi(rows: pd.DataFrame, n: int) -> list[Rows]:
    close = rows["close"].tolist()
    steps = [NAN, *(new - old for old, new in pairwise(close))]
    rises = wilder([max(step, 0.0) for step in steps], n)
    falls = wilder([max(-step, 0.0) for step in steps], n)
    return [
        [
            100 * rise / (rise + fall) if rise + fall > 0 else NAN
            for rise, fall in zip(rises, falls, strict=True)
        ]
    ]


def by_hand_macd(rows: pd.DataFrame, fast: int, slow: int, signal: int) -> list[Rows]:
    close = rows["close"].tolist()
    begin = slow - 1
    pairs = zip(ema(close, fast, begin), ema(close, slow, begin), strict=True)
    macd = [quick - steady for quick, steady in pairs]
    smooth = [NAN] * begin + ema(macd[begin:], signal, signal - 1)
    shown = [m if not math.isnan(s) else NAN for m, s in zip(macd, smooth, strict=True)]
    return [shown, smooth, [m - s for m, s in zip(shown, smooth, strict=True)]]


def by_hand_atr(rows: pd.DataFrame, n: int) -> list[Rows]:
    high, low, close = (rows[name].tolist() for name in ("high", "low", "close"))
    true = [NAN] + [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1]))
        for i in range(1, len(close))
    ]
    return [wilder(true, n)]


def by_hand_obv(rows: pd.DataFrame) -> list[Rows]:
    close, volume = rows["close"].tolist(), rows["volume"].tolist()
    out = [volume[0]]
    for i in range(1, len(close)):
        way = (close[i] > close[i - 1]) - (close[i] < close[i - 1])
        out.append(out[-1] + way * volume[i])
    return [out]


def by_hand_stoch(rows: pd.DataFrame, n: int, slowing: int, last: int) -> list[Rows]:
    high, low, close = (rows[name].tolist() for name in ("high", "low", "close"))
    raw = [NAN] * len(close)
    for i in range(n - 1, len(close)):
        top, bottom = max(high[i - n + 1 : i + 1]), min(low[i - n + 1 : i + 1])
        raw[i] = 100 * (close[i] - bottom) / (top - bottom) if top > bottom else NAN
    k = sma(raw, slowing)
    d = sma(k, last)
    begin = n + slowing + last - 3
    return [[NAN] * begin + k[begin:], d]


BY_HAND: dict[str, Callable[..., list[Rows]]] = {
    "sma": by_hand_sma,
    "ema": by_hand_ema,
    "bb": by_hand_bb,
    "rsi": by_hand_rsi,
    "macd": by_hand_macd,
    "atr": by_hand_atr,
    "obv": by_hand_obv,
    "stoch": by_hand_stoch,
}
# Of each kind: the defaults, and shorter ones.
ASKED = parse_indicators("sma,ema,bb,sma.3,ema.3,bb.5.1.5") + [
    each
    for text in ("rsi,macd,atr", "obv,stoch,rsi.3", "macd.3.6.2,atr.2,stoch.5.1.2")
    for each in parse_indicators(text)
]


def expected(indicator: Indicator, frame: pd.DataFrame) -> pd.DataFrame:
    """By hand, on the rows that have what is needed."""
    needs = list(indicator.definition.needs)
    rows = frame[needs].dropna()
    lines = pd.DataFrame(NAN, index=frame.index, columns=list(indicator.definition.lines))
    if len(rows):
        columns = BY_HAND[indicator.name](rows, *indicator.parameters)
        lines.loc[rows.index] = np.column_stack(columns)
    return lines


def agree(indicator: Indicator, frame: pd.DataFrame) -> pd.DataFrame:
    """The lines, having been compared with those by hand; NaN must be where it is by hand."""
    lines = compute(indicator, frame)
    pd.testing.assert_frame_equal(lines, expected(indicator, frame), rtol=1e-9, atol=1e-7)
    return lines


def read_bars(name: str) -> pd.DataFrame:
    frame = pd.read_csv(RECORDINGS / name, parse_dates=["timestamp"])
    return frame.set_index("timestamp").sort_index().astype("float64")


def walk(count: int, *, seed: int = 7) -> pd.DataFrame:
    """A simulated series of business days."""
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
    start = np.r_[50.0, close[:-1]]
    frame = pd.DataFrame(
        {
            "open": start,
            "high": np.maximum(start, close) * (1 + random.uniform(0, 0.01, count)),
            "low": np.minimum(start, close) * (1 - random.uniform(0, 0.01, count)),
            "close": close,
            "volume": random.integers(1_000, 90_000, count).astype("float64"),
        },
        index=pd.bdate_range("2026-01-05", periods=count, name="date"),
    )
    return frame.round({"open": 4, "high": 4, "low": 4, "close": 4})


def flat(count: int, price: float = 12.5) -> pd.DataFrame:
    frame = walk(count)
    frame[["open", "high", "low", "close"]] = price
    return frame


by_indicator = pytest.mark.parametrize("indicator", ASKED, ids=lambda each: each.label)


# --- equal to arithmetic ------------------------------------------------------------------------


@recorded
@by_indicator
@pytest.mark.parametrize("body", ["daily_compact", "weekly", "intraday_5min"])
def test_recorded_bars_of_ibm(indicator: Indicator, body: str) -> None:
    lines = agree(indicator, read_bars(f"portfoliotree__{body}_IBM.csv"))
    assert lines.iloc[: indicator.warm_up].isna().to_numpy().all()
    assert lines.iloc[indicator.warm_up :].notna().to_numpy().all()


@by_indicator
def test_simulated_bars(indicator: Indicator) -> None:
    agree(indicator, walk(120))


@by_indicator
def test_a_row_with_something_missing_has_no_value_and_is_no_bar(indicator: Indicator) -> None:
    frame = walk(120)
    frame.iloc[10, 3] = NAN  # a close
    frame.iloc[60, :] = NAN
    frame.iloc[70, 4] = NAN  # a volume
    frame.iloc[80, 1] = NAN  # a high
    lines = agree(indicator, frame)
    assert lines.iloc[[10, 60]].isna().to_numpy().all()
    for row, column in ((70, "volume"), (80, "high")):
        is_needed = column in indicator.definition.needs
        assert lines.iloc[row].isna().all() == is_needed
    assert lines.iloc[-1].notna().all()


@by_indicator
def test_infinity_is_a_missing_figure(indicator: Indicator) -> None:
    frame, holed = walk(120), walk(120)
    frame.iloc[60] = math.inf
    holed.iloc[60] = NAN
    pd.testing.assert_frame_equal(compute(indicator, frame), compute(indicator, holed))


@by_indicator
@pytest.mark.parametrize("gap", [0, 119])
def test_the_first_or_the_last_bar_may_be_missing(indicator: Indicator, gap: int) -> None:
    frame = walk(120)
    frame.iloc[gap] = NAN
    assert agree(indicator, frame).iloc[gap].isna().all()


@by_indicator
def test_a_split_in_the_range_leaves_no_trace_once_it_is_adjusted(indicator: Indicator) -> None:
    smooth = walk(120)
    raw = smooth.copy()
    raw.loc[raw.index[:60], ["open", "high", "low", "close"]] *= 4
    raw.loc[raw.index[:60], "volume"] /= 4
    rows = (Split(raw.index[60].date(), 4.0),)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    known = Splits(ticker=Ticker("IBM"), fetched_at=now, source="test", rows=rows)
    adjusted = adjust(raw, known, None, Series.SPLITS)
    lines = agree(indicator, adjusted)
    pd.testing.assert_frame_equal(lines, compute(indicator, smooth), rtol=1e-9)


def test_a_split_that_is_not_adjusted_looks_like_a_fall() -> None:
    raw = walk(120)
    raw.loc[raw.index[:60], ["open", "high", "low", "close"]] *= 4
    assert compute(make("rsi"), raw)["RSI"].iloc[60] < 15


@by_indicator
def test_less_than_the_warm_up_is_nothing(indicator: Indicator) -> None:
    for count in range(indicator.warm_up + 1):
        lines = compute(indicator, walk(130).iloc[:count])
        assert lines.shape == (count, len(indicator.definition.lines))
        assert lines.isna().to_numpy().all()
    exactly = compute(indicator, walk(130).iloc[: indicator.warm_up + 1])
    assert exactly.iloc[-1].notna().all()


@by_indicator
def test_the_longest_parameters_need_no_more_than_their_warm_up(indicator: Indicator) -> None:
    most = tuple(int(each.maximum) for each in indicator.definition.parameters)
    longest = Indicator(indicator.name, most)
    if longest.definition.allows(most):
        agree(longest, walk(longest.warm_up + 2))


# --- awkward prices -----------------------------------------------------------------------------


@by_indicator
def test_constant_prices(indicator: Indicator) -> None:
    agree(indicator, flat(80))


def test_rsi_of_a_price_that_never_moved_is_not_defined() -> None:
    assert compute(make("rsi"), flat(80)).isna().to_numpy().all()


def test_rsi_of_nothing_but_falls_is_zero_and_of_nothing_but_rises_a_hundred() -> None:
    frame = walk(40)
    frame["close"] = np.linspace(80, 40, 40)
    assert (compute(make("rsi"), frame)["RSI"].dropna() == 0).all()
    frame["close"] = np.linspace(40, 80, 40)
    assert (compute(make("rsi"), frame)["RSI"].dropna() == 100).all()


def test_rsi_stands_still_through_years_without_a_move() -> None:
    frame = flat(900)
    frame.iloc[5, 3] = 13.0
    rsi = agree(make("rsi"), frame)["RSI"]
    # As much up as down.
    assert rsi.iloc[-1] == pytest.approx(50)


def test_stochastic_recovers_as_soon_as_no_constant_window_is_in_its_averages() -> None:
    frame = pd.concat([flat(30, walk(1)["close"].iloc[0]), walk(30)]).reset_index(drop=True)
    lines = agree(make("stoch"), frame)
    # From row 30 on prices move; windows of 14 with a move begin there, and averages of three.
    assert lines["%K"].first_valid_index() == 32
    assert lines["%D"].first_valid_index() == 34


def test_bands_around_constant_prices_have_no_width() -> None:
    last = compute(make("bb"), flat(30)).iloc[-1]
    assert last.tolist() == pytest.approx([12.5, 12.5, 12.5])


def test_a_single_bar_has_volume_and_nothing_else() -> None:
    one = walk(1)
    assert compute(make("obv"), one)["OBV"].tolist() == one["volume"].tolist()
    for indicator in ASKED:
        if indicator.warm_up:
            assert compute(indicator, one).isna().to_numpy().all()


@by_indicator
def test_no_bars_are_no_lines(indicator: Indicator) -> None:
    assert compute(indicator, walk(5).iloc[:0]).empty


@by_indicator
@pytest.mark.parametrize("kind", ["int64", "float32"])
def test_whole_and_short_numbers_are_computed_as_float64(indicator: Indicator, kind: str) -> None:
    frame = (walk(120) * 100).round().astype(kind)
    lines = compute(indicator, frame)
    assert (lines.dtypes == "float64").all()
    pd.testing.assert_frame_equal(lines, compute(indicator, frame.astype("float64")))


@by_indicator
def test_frames_are_left_as_they_were(indicator: Indicator) -> None:
    frame = walk(60)
    compute(indicator, frame)
    pd.testing.assert_frame_equal(frame, walk(60))


# --- hand-worked --------------------------------------------------------------------------------


def test_hand_worked_rows() -> None:
    frame = pd.DataFrame(
        {
            "high": [11.0, 12.0, 13.0, 13.0],
            "low": [9.0, 10.0, 11.0, 9.0],
            "close": [10.0, 12.0, 11.0, 12.0],
            "volume": [100.0, 200.0, 300.0, 400.0],
        },
        index=pd.bdate_range("2026-11-16", periods=4),
    )
    # 10, 12, 11 → 11; then half of 12 and half of that.
    assert compute(Indicator("ema", (3,)), frame)["EMA"].tolist()[2:] == [11.0, 11.5]
    # 100 + 200 − 300 + 400.
    assert compute(Indicator("obv"), frame)["OBV"].tolist() == [100, 300, 0, 400]
    # Rises 2, 0 → 1; falls 0, 1 → 0.5: 100 × 1 / 1.5. Then rises (1 + 1) / 2, falls 0.5 / 2.
    rsi = compute(Indicator("rsi", (2,)), frame)["RSI"].tolist()
    assert rsi[2:] == pytest.approx([200 / 3, 80.0])
    # True ranges 2, 2 → 2; then (2 + 4) / 2.
    assert compute(Indicator("atr", (2,)), frame)["ATR"].tolist()[2:] == [2.0, 3.0]
    # (11 − 9) / (13 − 9), (12 − 9) / (13 − 9).
    stoch = compute(Indicator("stoch", (3, 1, 1)), frame)
    assert stoch["%K"].tolist()[2:] == [50.0, 75.0]
    # 12, 11, 12 around 35/3: variance 2/9.
    bands = compute(Indicator("bb", (3, 2.0)), frame).iloc[-1]
    assert bands.tolist() == pytest.approx(
        [35 / 3 + 2 * math.sqrt(2 / 9), 35 / 3, 35 / 3 - 2 * math.sqrt(2 / 9)]
    )


# --- VWAP ---------------------------------------------------------------------------------------


def sessions() -> tuple[pd.DataFrame, pd.Index]:
    """Two sessions of typical prices 10, 20, 30 and 40, 50."""
    typical = [10.0, 20.0, 30.0, 40.0, 50.0]
    frame = pd.DataFrame(
        {
            "high": [each + 1 for each in typical],
            "low": [each - 1 for each in typical],
            "close": typical,
            "volume": [1.0, 3.0, 4.0, 2.0, 2.0],
        }
    )
    return frame, pd.Index([date(2026, 11, 19)] * 3 + [date(2026, 11, 20)] * 2)


def test_vwap_begins_anew_with_each_session() -> None:
    frame, days = sessions()
    vwap = compute(make("vwap"), frame, days=days)["VWAP"].tolist()
    assert vwap == pytest.approx([10, 70 / 4, 190 / 8, 40, 45])


@pytest.mark.parametrize("column", ["high", "low", "close", "volume"])
def test_vwap_goes_on_after_a_missing_figure(column: str) -> None:
    frame, days = sessions()
    frame.loc[1, column] = NAN
    vwap = compute(make("vwap"), frame, days=days)["VWAP"].tolist()
    assert vwap == pytest.approx([10, NAN, 130 / 5, 40, 45], nan_ok=True)


def test_vwap_is_not_defined_before_anything_was_traded() -> None:
    frame, days = sessions()
    frame.loc[[0, 3, 4], "volume"] = 0.0
    vwap = compute(make("vwap"), frame, days=days)["VWAP"].tolist()
    assert vwap == pytest.approx([NAN, 20, 180 / 7, NAN, NAN], nan_ok=True)


def test_vwap_needs_sessions() -> None:
    frame, days = sessions()
    assert compute(make("vwap"), frame).isna().to_numpy().all()
    with pytest.raises(ValueError, match="session"):
        compute(make("vwap"), frame, days=days[:2])


@recorded
def test_vwap_of_recorded_bars() -> None:
    frame = read_bars("portfoliotree__intraday_5min_IBM.csv")
    days = pd.DatetimeIndex(frame.index).normalize()
    vwap = compute(make("vwap"), frame, days=days)["VWAP"]
    for day in days.unique():
        part = frame[days == day]
        typical = (part["high"] + part["low"] + part["close"]) / 3
        assert vwap[days == day].iloc[-1] == pytest.approx(
            np.average(typical, weights=part["volume"])
        )


# --- links --------------------------------------------------------------------------------------

LINKS = [
    ("", []),
    ("sma.20", [("sma", 20)]),
    (
        "sma.20,bb.20.2,rsi.14,macd.12.26.9,stoch.14.3.3",
        [("sma", 20), ("bb", 20, 2.0), ("rsi", 14), ("macd", 12, 26, 9), ("stoch", 14, 3, 3)],
    ),
    ("bb.20.2.5,obv,vwap", [("bb", 20, 2.5), ("obv",), ("vwap",)]),
    ("sma,macd.5", [("sma", 20), ("macd", 5, 26, 9)]),
    (" SMA.20 , rsi.14", [("sma", 20), ("rsi", 14)]),
    ("sma.20,sma.20,sma.50", [("sma", 20), ("sma", 50)]),
    ("sma.1,sma.401,sma.0,sma.-5,sma.99999", []),
    ("sma.20.5,sma.x,sma.,sma.1e2,sma.nan,sma.inf,sma.20.20,obv.3", []),
    ("bb.20.0.4,bb.20.6,bb.20.nan", []),
    ("macd.26.12.9,macd.12.12.9", []),
    ("moon.20,.,,,%00,sma;drop", []),
    ("sma.２０,sma.²", []),
]


@pytest.mark.parametrize(("text", "wanted"), LINKS, ids=lambda value: str(value)[:30])
def test_links_are_read(text: str, wanted: list[tuple[str, float]]) -> None:
    found = [(each.name, *each.parameters) for each in parse_indicators(text)]
    assert found == wanted


@pytest.mark.parametrize("text", [text for text, _ in LINKS])
def test_what_is_read_is_written_back(text: str) -> None:
    found = parse_indicators(text)
    assert parse_indicators(format_indicators(found)) == found


def test_links_are_short() -> None:
    text = "sma.20,bb.20.2,bb.20.2.5,rsi.14,macd.12.26.9,obv"
    assert format_indicators(parse_indicators(text)) == text


def test_there_is_room_for_six_overlays_and_three_panes() -> None:
    text = ",".join(f"sma.{n},rsi.{n}" for n in range(5, 15))
    found = parse_indicators(text)
    places = [each.definition.place for each in found]
    assert places.count(Place.OVERLAY) == MOST_OVERLAYS == 6
    assert places.count(Place.PANE) == MOST_PANES == 3
    assert limited(found) == found


def test_a_long_link_is_read_at_once() -> None:
    assert len(parse_indicators("sma.20," * 50_000)) == 1


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_catalogue_is_whole(name: str) -> None:
    definition = CATALOGUE[name]
    indicator = make(name)
    assert definition.name == name
    assert definition.help.endswith(".")
    assert definition.allows(indicator.parameters)
    assert parse_indicators(name) == [indicator]
    for parameter in definition.parameters:
        assert parameter.minimum <= parameter.default <= parameter.maximum
    if name != "vwap":
        lines = compute(indicator, walk(120))
        assert list(lines.columns) == list(definition.lines)
        first = lines.notna().all(axis=1).to_numpy().argmax()
        assert first == indicator.warm_up


def test_labels_are_as_on_other_charts() -> None:
    labels = [each.label for each in parse_indicators("sma.20,bb.20.2,bb.20.2.5,macd,obv")]
    assert labels == ["SMA 20", "BB 20 2", "BB 20 2.5", "MACD 12 26 9", "OBV"]
