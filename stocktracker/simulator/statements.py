"""INCOME_STATEMENT, BALANCE_SHEET and CASH_FLOW, made out of `books` so that they add up.

Gross profit is revenue less its cost, assets are liabilities plus equity, the change in cash is
what the balance sheets say; a year's income and cash flow are the sums of its four quarters, its
balance sheet that of its last day. Lines that IBM's recorded body leaves out are left out: "None".
The spelling of the balance sheet and the cash flow is that of bodies in public repositories, as
none of ours is recorded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from stocktracker.model import Ticker
from stocktracker.simulator.books import (
    Quarter,
    is_year_end,
    quarter_of,
    shares_of_anchor,
    unit_of,
)
from stocktracker.simulator.companies import Company
from stocktracker.simulator.paths import ANCHOR_DAY, daily_path

Lines = dict[str, int | None]
Maker = Callable[[Company, Quarter], Lines]

MOST_QUARTERS, MOST_YEARS = 81, 20
TAX = 0.18
QUARTERLY_INTEREST = 0.011
NONE = "None"


@dataclass(frozen=True, slots=True)
class Statement:
    """How one of the three is made; `adds_up` if a year is the sum of its quarters."""

    make: Maker
    adds_up: bool


def body(statement: Statement, company: Company, quarters: Sequence[Quarter]) -> dict[str, object]:
    """The reply about what has been reported, given oldest first."""
    shown = quarters[-MOST_QUARTERS - 3 :]
    lines = [statement.make(company, quarter) for quarter in shown]
    years = [
        _report(shown[place].ends, _year(statement, lines[place - 3 : place + 1]))
        for place in range(3, len(shown))
        if is_year_end(company, shown[place].ends)
    ]
    reports = [_report(quarter.ends, each) for quarter, each in zip(shown, lines, strict=True)]
    return {
        "symbol": company.ticker,
        "annualReports": years[::-1][:MOST_YEARS],
        "quarterlyReports": reports[::-1][:MOST_QUARTERS],
    }


def empty_body(ticker: Ticker) -> dict[str, object]:
    """About what is listed and no company."""
    return {"symbol": ticker, "annualReports": [], "quarterlyReports": []}


def income(company: Company, quarter: Quarter) -> Lines:
    unit = unit_of(quarter.revenue)
    revenue, net = quarter.revenue, quarter.net_income
    debt = _debt(company, quarter)
    tax = _whole(net / (1 - TAX) * TAX, unit) if net > 0 else 0
    interest_expense = _whole(debt * QUARTERLY_INTEREST, unit)
    interest_income = _whole(revenue * 0.008, unit)
    before_tax = net + tax
    operating_income = before_tax - interest_income + interest_expense
    gross = max(_whole(revenue * company.gross_margin, unit), operating_income)
    operating_expenses = gross - operating_income
    research = _whole(operating_expenses * company.research, unit)
    depreciation = _depreciation(quarter)
    return {
        "grossProfit": gross,
        "totalRevenue": revenue,
        "costOfRevenue": revenue - gross,
        "costofGoodsAndServicesSold": revenue - gross,
        "operatingIncome": operating_income,
        "sellingGeneralAndAdministrative": operating_expenses - research,
        "researchAndDevelopment": research if company.research else None,
        "operatingExpenses": operating_expenses,
        "investmentIncomeNet": None,
        "netInterestIncome": interest_income - interest_expense,
        "interestIncome": interest_income,
        "interestExpense": interest_expense,
        "nonInterestIncome": None,
        "otherNonOperatingIncome": None,
        "depreciation": None,
        "depreciationAndAmortization": depreciation,
        "incomeBeforeTax": before_tax,
        "incomeTaxExpense": tax,
        "interestAndDebtExpense": None,
        "netIncomeFromContinuingOperations": net,
        "comprehensiveIncomeNetOfTax": None,
        "ebit": before_tax + interest_expense,
        "ebitda": before_tax + interest_expense + depreciation,
        "netIncome": net,
    }


def balance(company: Company, quarter: Quarter) -> Lines:
    unit = unit_of(quarter.revenue)

    def share(part: float) -> int:
        return _whole(quarter.revenue * 4 * part, unit)

    assets = share(1.8)
    cash, short_investments = share(0.18), share(0.07)
    inventory, receivables, other_current = share(0.09), share(0.16), share(0.05)
    current_assets = cash + short_investments + inventory + receivables + other_current
    equipment, goodwill, intangible, long_investments = (
        share(0.35),
        share(0.28),
        share(0.12),
        share(0.2),
    )
    other_assets = assets - current_assets - equipment - goodwill - intangible - long_investments
    debt = _debt(company, quarter)
    current_debt = _whole(debt * 0.15, unit)
    payables, deferred, other_owed = share(0.12), share(0.08), share(0.1)
    current_liabilities = payables + deferred + current_debt + other_owed
    other_long = share(0.22)
    leases = share(0.03)
    long_liabilities = debt - current_debt + other_long + leases
    equity = assets - current_liabilities - long_liabilities
    paid_in = share(0.3)
    then = quarter.shares / shares_of_anchor(company.seed, company.ticker, quarter.ends)
    return {
        "totalAssets": assets,
        "totalCurrentAssets": current_assets,
        "cashAndCashEquivalentsAtCarryingValue": cash,
        "cashAndShortTermInvestments": cash + short_investments,
        "inventory": inventory,
        "currentNetReceivables": receivables,
        "totalNonCurrentAssets": assets - current_assets,
        "propertyPlantEquipment": equipment,
        "accumulatedDepreciationAmortizationPPE": None,
        "intangibleAssets": goodwill + intangible,
        "intangibleAssetsExcludingGoodwill": intangible,
        "goodwill": goodwill,
        "investments": None,
        "longTermInvestments": long_investments,
        "shortTermInvestments": short_investments,
        "otherCurrentAssets": other_current,
        "otherNonCurrentAssets": other_assets,
        "totalLiabilities": current_liabilities + long_liabilities,
        "totalCurrentLiabilities": current_liabilities,
        "currentAccountsPayable": payables,
        "deferredRevenue": deferred,
        "currentDebt": None,
        "shortTermDebt": current_debt,
        "totalNonCurrentLiabilities": long_liabilities,
        "capitalLeaseObligations": leases,
        "longTermDebt": debt - current_debt,
        "currentLongTermDebt": current_debt,
        "longTermDebtNoncurrent": None,
        "shortLongTermDebtTotal": debt,
        "otherCurrentLiabilities": other_owed,
        "otherNonCurrentLiabilities": other_long,
        "totalShareholderEquity": equity,
        "treasuryStock": None,
        "retainedEarnings": equity - paid_in,
        "commonStock": paid_in,
        "commonStockSharesOutstanding": round(then),
    }


def cash_flow(company: Company, quarter: Quarter) -> Lines:
    unit = unit_of(quarter.revenue)
    before = quarter_of(company, _a_quarter_before(quarter.ends))
    cash, receivables, inventory = (
        _change(company, before, quarter, line)
        for line in (
            "cashAndCashEquivalentsAtCarryingValue",
            "currentNetReceivables",
            "inventory",
        )
    )
    depreciation = _depreciation(quarter)
    operating = quarter.net_income + depreciation - receivables - inventory
    capital = _whole(quarter.revenue * 0.055, unit)
    investing = -capital - _whole(quarter.revenue * 0.01, unit)
    dividends = _dividends_paid(company, before.ends, quarter)
    buybacks = _whole(max(quarter.net_income, 0) * 0.3, unit)
    financing = cash - operating - investing
    return {
        "operatingCashflow": operating,
        "paymentsForOperatingActivities": None,
        "proceedsFromOperatingActivities": None,
        "changeInOperatingLiabilities": None,
        "changeInOperatingAssets": None,
        "depreciationDepletionAndAmortization": depreciation,
        "capitalExpenditures": capital,
        "changeInReceivables": receivables,
        "changeInInventory": inventory,
        "profitLoss": quarter.net_income,
        "cashflowFromInvestment": investing,
        "cashflowFromFinancing": financing,
        "proceedsFromRepaymentsOfShortTermDebt": None,
        "paymentsForRepurchaseOfCommonStock": buybacks,
        "paymentsForRepurchaseOfEquity": buybacks,
        "paymentsForRepurchaseOfPreferredStock": None,
        "dividendPayout": dividends,
        "dividendPayoutCommonStock": dividends,
        "dividendPayoutPreferredStock": None,
        "proceedsFromIssuanceOfCommonStock": None,
        "proceedsFromIssuanceOfLongTermDebtAndCapitalSecuritiesNet": None,
        "proceedsFromIssuanceOfPreferredStock": None,
        "proceedsFromRepurchaseOfEquity": -buybacks,
        "proceedsFromSaleOfTreasuryStock": None,
        "changeInCashAndCashEquivalents": cash,
        "changeInExchangeRate": None,
        "netIncome": quarter.net_income,
    }


STATEMENTS: Mapping[str, Statement] = {
    "INCOME_STATEMENT": Statement(income, adds_up=True),
    "BALANCE_SHEET": Statement(balance, adds_up=False),
    "CASH_FLOW": Statement(cash_flow, adds_up=True),
}


def _report(ends: date, lines: Lines) -> dict[str, str]:
    texts = {name: NONE if value is None else str(value) for name, value in lines.items()}
    return {"fiscalDateEnding": str(ends), "reportedCurrency": "USD", **texts}


def _year(statement: Statement, quarters: Sequence[Lines]) -> Lines:
    """Of four quarters, oldest first."""
    if not statement.adds_up:
        return quarters[-1]
    return {name: _sum([each[name] for each in quarters]) for name in quarters[-1]}


def _sum(values: Sequence[int | None]) -> int | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _debt(company: Company, quarter: Quarter) -> int:
    return _whole(quarter.revenue * 4 * 0.5 * company.leverage, unit_of(quarter.revenue))


def _depreciation(quarter: Quarter) -> int:
    return _whole(quarter.revenue * 0.06, unit_of(quarter.revenue))


def _change(company: Company, before: Quarter, after: Quarter, line: str) -> int:
    return (balance(company, after)[line] or 0) - (balance(company, before)[line] or 0)


def _dividends_paid(company: Company, after: date, quarter: Quarter) -> int | None:
    """What went out on the ex-days of a quarter, to all shares there were; None if nothing did."""
    seed, ticker = company.seed, company.ticker
    path = daily_path(seed, ticker, max(quarter.ends.year, ANCHOR_DAY.year))
    days = path.trading.days
    span = slice(bisect_right(days, after), bisect_right(days, quarter.ends))
    paid = sum(
        amount * quarter.shares / shares_of_anchor(seed, ticker, day)
        for day, amount in zip(days[span], path.dividends[span].tolist(), strict=True)
        if amount
    )
    return _whole(paid, unit_of(quarter.revenue)) or None


def _a_quarter_before(ends: date) -> date:
    """The last day of the quarter before the one that ends on `ends`."""
    month = ends.year * 12 + ends.month - 3
    return date(month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _whole(amount: float, unit: int) -> int:
    return round(amount / unit) * unit
