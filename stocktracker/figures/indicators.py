"""Indicators of bars, by TA-Lib; VWAP, which it has not, is our own. Pure: never fetches or draws.

Frames are those of `model.Bars`: oldest first, with the columns open, high, low, close and volume.
Compute on all bars there are and cut afterwards, so that the warm-up lies before what is shown. The
frame should be split-adjusted first; a split would else be a fall like any other.

TA-Lib turns everything after a NaN into NaN. So the indicators are computed on the rows that are
whole, as if the others were no bars, and a row with something missing has no value itself.

How TA-Lib begins what depends on all bars before:

- EMA: with the mean of the first n closes, on bar n.
- MACD: both averages begin on the slow one's first bar; the fast one with the mean of the closes
  of the n bars that end there. The signal begins with the mean of its first n values, and nothing
  is given before.
- RSI: Wilder's averages begin with the mean of the first n rises and falls.
- ATR: Wilder's average begins with the mean of the first n true ranges, which need a close before.
- OBV: with the volume of the first bar.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import talib

from stocktracker.figures.indicator_specs import Indicator, Parameters

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Rows = dict[str, Floats]


def compute(
    indicator: Indicator, frame: pd.DataFrame, *, days: pd.Index | None = None
) -> pd.DataFrame:
    """The indicator's lines as columns (float64), by the index of `frame`.

    NaN during the warm-up, in rows with a missing figure, and where a line is not defined: RSI
    while the price has not moved, stochastic where high and low were the same throughout, VWAP
    before anything was traded. `days` is the session of each row, which VWAP needs: it is NaN
    throughout without. Raises KeyError for a name that the catalogue does not have, ValueError for
    `days` of another length.
    """
    definition = indicator.definition
    if days is not None and len(days) != len(frame):
        raise ValueError("each row needs its session")
    columns = frame[list(definition.needs)].astype("float64")
    whole = np.isfinite(columns.to_numpy()).all(axis=1)
    lines = pd.DataFrame(np.nan, index=frame.index, columns=list(definition.lines))
    if whole.sum() <= indicator.warm_up:
        return lines
    if indicator.name == "vwap":
        if days is not None:
            lines.loc[whole, "VWAP"] = _vwap(columns[whole], days[whole])
        return lines
    rows: Rows = {name: columns[name].to_numpy()[whole].copy() for name in definition.needs}
    lines.loc[whole] = np.column_stack(_FORMULAS[indicator.name](rows, indicator.parameters))
    return lines


def _vwap(rows: pd.DataFrame, days: pd.Index) -> Floats:
    """Sum of typical price × volume since the session's first bar ÷ sum of volume."""
    typical = (rows["high"] + rows["low"] + rows["close"]) / 3
    sessions = days.to_numpy()
    paid = (typical * rows["volume"]).groupby(sessions).cumsum()
    traded = rows["volume"].groupby(sessions).cumsum()
    return (paid / traded.where(traded > 0)).to_numpy()


def _sma(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    return (talib.SMA(rows["close"], int(parameters[0])),)


def _ema(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    return (talib.EMA(rows["close"], int(parameters[0])),)


def _bollinger(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    bars, deviations = int(parameters[0]), float(parameters[1])
    return talib.BBANDS(rows["close"], bars, deviations, deviations)


def _rsi(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    """TA-Lib says 0 for 0 / 0 too, while the price has not moved; 0 is right after only falls."""
    rsi = talib.RSI(rows["close"], int(parameters[0]))
    steps = np.diff(rows["close"], prepend=rows["close"][0])
    rose = np.logical_or.accumulate(steps > 0)
    fell = np.logical_or.accumulate(steps < 0)
    rsi[(rsi == 0) & (rose | ~fell)] = np.nan
    return (rsi,)


def _macd(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    fast, slow, signal = (int(each) for each in parameters)
    return talib.MACD(rows["close"], fast, slow, signal)


def _atr(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    return (talib.ATR(rows["high"], rows["low"], rows["close"], int(parameters[0])),)


def _obv(rows: Rows, _: Parameters) -> tuple[Floats, ...]:
    return (talib.OBV(rows["close"], rows["volume"]),)


def _stochastic(rows: Rows, parameters: Parameters) -> tuple[Floats, ...]:
    """TA-Lib says 0 for 0 / 0; every average that has such a bar in it is taken out here."""
    bars, slowing, last = (int(each) for each in parameters)
    k, d = talib.STOCH(
        rows["high"],
        rows["low"],
        rows["close"],
        fastk_period=bars,
        slowk_period=slowing,
        slowd_period=last,
    )
    highest = pd.Series(rows["high"]).rolling(bars).max()
    lowest = pd.Series(rows["low"]).rolling(bars).min()
    still = (highest == lowest).astype("float64")
    k[still.rolling(slowing).max().to_numpy() > 0] = np.nan
    d[still.rolling(slowing + last - 1).max().to_numpy() > 0] = np.nan
    return k, d


_FORMULAS: dict[str, Callable[[Rows, Parameters], tuple[Floats, ...]]] = {
    "sma": _sma,
    "ema": _ema,
    "bb": _bollinger,
    "rsi": _rsi,
    "macd": _macd,
    "atr": _atr,
    "obv": _obv,
    "stoch": _stochastic,
}
