"""Financial statements as frames: for the screen, for charts and for files. Pure.

Takes `fundamentals.Periods`. Amounts stay in the currency of the report; a missing figure is a
dash on the screen and NaN in a frame of numbers, and nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from stocktracker import wording
from stocktracker.figures import amounts
from stocktracker.fundamentals import Periods
from stocktracker.model import Feed

FREE_CASH_FLOW = "free_cash_flow"
OPERATING, SPENT = "operating_cashflow", "capital_expenditures"
FREE_CASH_FLOW_HELP = (
    "Free cash flow is operating cash flow less capital expenditures. It is given for the periods "
    "that have both."
)

TITLES: Mapping[Feed, str] = {
    Feed.INCOME: "Income statement",
    Feed.BALANCE: "Balance sheet",
    Feed.CASH_FLOW: "Cash flow",
}

# What a chart of the statement shows, in this order: upstream's name → ours.
MAIN_LINES: Mapping[Feed, Mapping[str, str]] = {
    Feed.INCOME: {
        "total_revenue": "Revenue",
        "gross_profit": "Gross profit",
        "operating_income": "Operating income",
        "net_income": "Net income",
    },
    Feed.BALANCE: {
        "total_assets": "Assets",
        "total_liabilities": "Liabilities",
        "total_shareholder_equity": "Equity",
    },
    Feed.CASH_FLOW: {
        OPERATING: "Operating",
        "cashflow_from_investment": "Investing",
        "cashflow_from_financing": "Financing",
        FREE_CASH_FLOW: "Free cash flow",
    },
}

# Words that are not spelt like others, by how snake case leaves them.
_SPELT = {
    "ebit": "EBIT",
    "ebitda": "EBITDA",
    "costof": "cost of",
    "cashflow": "cash flow",
    "noncurrent": "non-current",
}


def label_of(name: str) -> str:
    """`total_revenue` → `Total revenue`, `ebitda` → `EBITDA`."""
    words = " ".join(_SPELT.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def with_free_cash_flow(periods: Periods) -> Periods:
    """The same with a line for free cash flow, where both that it takes are reported.

    Operating cash flow less capital expenditures, which count as spent whichever sign the body
    gives them. A period that lacks either has none.
    """
    operating, spent = periods.lines.get(OPERATING), periods.lines.get(SPENT)
    if operating is None or spent is None or FREE_CASH_FLOW in periods.lines:
        return periods
    free = tuple(
        None if came is None or went is None else came - abs(went)
        for came, went in zip(operating, spent, strict=True)
    )
    return replace(periods, lines={**periods.lines, FREE_CASH_FLOW: free})


def numbers(periods: Periods) -> pd.DataFrame:
    """All lines as numbers: one row a line, one column a period's end (ISO), newest first."""
    columns = [end.isoformat() for end in periods.ends]
    rows = {label_of(name): values for name, values in periods.lines.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype="float64")
    frame.index.name = "line"
    return frame[frame.columns[::-1]]


def table(periods: Periods, most: int) -> pd.DataFrame:
    """The newest periods as text: the line's name, then a column a period, newest first.

    Lines without a figure in any of these periods are left out.
    """
    frame = numbers(periods).iloc[:, :most].dropna(how="all")
    frame.columns = [amounts.day(end) for end in periods.ends[::-1][:most]]
    return frame.map(wording.compact).reset_index(names="")


def main_lines(periods: Periods, feed: Feed, most: int) -> pd.DataFrame:
    """What the chart shows: indexed by the period's end, oldest first, a column a line, NaN where
    there is no figure. Lines that upstream does not have are left out."""
    lines = {
        label: periods.lines[name]
        for name, label in MAIN_LINES[feed].items()
        if name in periods.lines
    }
    frame = pd.DataFrame(lines, index=pd.DatetimeIndex(periods.ends, name="end"), dtype="float64")
    return frame.dropna(axis="columns", how="all").iloc[-most:]
