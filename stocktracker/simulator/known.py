"""The companies and funds that everybody knows, with believable prices of late 2026.

Names and exchanges are real, figures are round guesses. Never asked for by ticker from outside:
`listing` lists them, `paths` takes their character from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Known:
    """One line of the table. `volatility` and `dividends` are fractions of the price a year."""

    ticker: str
    name: str
    exchange: str
    kind: str
    first_listed: date
    price: float
    volatility: float
    volume: float
    dividends: float


STOCKS = """
AAPL|Apple Inc|NASDAQ|1980-12-12|270|0.27|52e6|0.004
ABBV|Abbvie Inc|NYSE|2013-01-02|215|0.24|6e6|0.031
ADBE|Adobe Inc|NASDAQ|1986-08-13|340|0.33|4e6|0
ALL|Allstate Corp (The)|NYSE|1993-06-03|205|0.25|1.4e6|0.019
AMD|Advanced Micro Devices Inc|NASDAQ|1980-03-17|230|0.50|45e6|0
AMZN|Amazon.com Inc|NASDAQ|1997-05-15|235|0.32|42e6|0
AVGO|Broadcom Inc|NASDAQ|2009-08-06|350|0.42|24e6|0.007
BA|Boeing Company|NYSE|1978-01-03|205|0.38|8e6|0
BAC|Bank Of America Corp|NYSE|1978-01-03|53|0.28|36e6|0.021
BC|Brunswick Corp|NYSE|1987-11-05|68|0.40|9e5|0.025
BRK-A|Berkshire Hathaway Inc - Class A|NYSE|1996-05-09|752000|0.17|9e2|0
BRK-B|Berkshire Hathaway Inc - Class B|NYSE|1996-05-09|501|0.17|4e6|0
C|Citigroup Inc|NYSE|1977-01-03|101|0.30|14e6|0.024
CAT|Caterpillar Inc|NYSE|1962-01-02|560|0.29|3e6|0.011
COST|Costco Wholesale Corp|NASDAQ|1986-07-09|920|0.22|2e6|0.006
CRM|Salesforce Inc|NYSE|2004-06-23|245|0.33|7e6|0.007
CSCO|Cisco Systems Inc|NASDAQ|1990-03-26|76|0.23|20e6|0.022
CVX|Chevron Corp|NYSE|1962-01-02|152|0.25|8e6|0.045
DIS|Walt Disney Company|NYSE|1962-01-02|108|0.27|9e6|0.014
F|Ford Motor Company|NYSE|1977-01-03|13.1|0.35|60e6|0.046
GE|GE Aerospace|NYSE|1962-01-02|300|0.30|5e6|0.005
GM|General Motors Company|NYSE|2010-11-18|70|0.34|9e6|0.008
GOOG|Alphabet Inc - Class C|NASDAQ|2014-03-27|291|0.30|22e6|0.003
GOOGL|Alphabet Inc - Class A|NASDAQ|2004-08-19|290|0.30|32e6|0.003
GS|Goldman Sachs Group Inc|NYSE|1999-05-04|790|0.29|2e6|0.020
HD|Home Depot Inc|NYSE|1981-09-22|365|0.24|4e6|0.025
IBM|International Business Machines Corp|NYSE|1962-01-02|225|0.26|5e6|0.030
INTC|Intel Corp|NASDAQ|1980-03-17|38|0.45|90e6|0
JNJ|Johnson & Johnson|NYSE|1962-01-02|195|0.17|8e6|0.027
JPM|JPMorgan Chase & Company|NYSE|1980-03-17|310|0.26|9e6|0.019
KO|Coca-Cola Company|NYSE|1962-01-02|71|0.16|15e6|0.029
LLY|Lilly(Eli) & Company|NYSE|1972-06-01|1010|0.34|3e6|0.006
MA|Mastercard Incorporated - Class A|NYSE|2006-05-25|550|0.22|3e6|0.006
MCD|McDonald`s Corp|NYSE|1966-07-05|305|0.18|3e6|0.024
META|Meta Platforms Inc - Class A|NASDAQ|2012-05-18|630|0.36|14e6|0.003
MRK|Merck & Company Inc|NYSE|1978-01-13|94|0.24|12e6|0.035
MSFT|Microsoft Corporation|NASDAQ|1986-03-13|495|0.24|22e6|0.007
NA|Nano Labs Ltd|NASDAQ|2022-07-12|4.1|0.95|3e5|0
NFLX|NetFlix Inc|NASDAQ|2002-05-23|110|0.35|35e6|0
NKE|Nike Inc - Class B|NYSE|1980-12-02|64|0.34|15e6|0.025
NVDA|NVIDIA Corp|NASDAQ|1999-01-22|185|0.45|180e6|0
ON|ON Semiconductor Corp|NASDAQ|2000-05-02|50|0.50|9e6|0
ORCL|Oracle Corp|NYSE|1986-03-12|225|0.42|20e6|0.009
PEP|PepsiCo Inc|NASDAQ|1972-06-01|146|0.18|7e6|0.039
PFE|Pfizer Inc|NYSE|1972-06-01|25|0.25|50e6|0.068
PG|Procter & Gamble Company|NYSE|1962-01-02|148|0.17|8e6|0.028
T|AT&T Inc|NYSE|1983-11-21|25.7|0.22|40e6|0.043
TSLA|Tesla Inc|NASDAQ|2010-06-29|410|0.58|80e6|0
UNH|Unitedhealth Group Inc|NYSE|1984-10-17|325|0.33|8e6|0.027
V|Visa Inc - Class A|NYSE|2008-03-19|330|0.21|6e6|0.008
VZ|Verizon Communications Inc|NYSE|1983-11-21|41|0.20|22e6|0.066
WMT|Walmart Inc|NASDAQ|1972-08-25|104|0.20|17e6|0.009
XOM|Exxon Mobil Corp|NYSE|1962-01-02|117|0.23|15e6|0.034
"""

FUNDS = """
DIA|SPDR Dow Jones Industrial Average ETF Trust|NYSE ARCA|1998-01-20|468|0.15|4e6|0.014
EEM|ISHARES MSCI EMERGING MARKETS ETF |NYSE ARCA|2003-04-11|54|0.19|28e6|0.022
GLD|SPDR Gold Shares ETF|NYSE ARCA|2004-11-18|375|0.17|12e6|0
IAI|ISHARES U.S. BROKER-DEALERS &AMP; SECURITIES EXCHANGES ETF |NYSE ARCA|2006-05-05|172|0.2|1e5|0
IWM|ISHARES RUSSELL 2000 ETF |NYSE ARCA|2000-05-26|238|0.23|30e6|0.011
NAN|Nuveen New York Quality Municipal Income Fund|NYSE|1999-05-26|11.4|0.10|9e4|0.06
QQQ|Invesco QQQ Trust Series 1|NASDAQ|1999-03-10|605|0.21|50e6|0.005
SLV|iShares Silver Trust|NYSE ARCA|2006-04-28|46|0.29|30e6|0
SPY|SPDR S&P 500 ETF Trust|NYSE ARCA|1993-01-29|668|0.17|70e6|0.011
TLT|iShares 20+ Year Treasury Bond ETF|NASDAQ|2002-07-30|90|0.14|35e6|0.043
VOO|VANGUARD S&P 500 ETF |NYSE ARCA|2010-09-09|614|0.17|7e6|0.011
VTI|VANGUARD TOTAL STOCK MARKET INDEX FUND ETF SHARES|NYSE ARCA|2001-05-31|328|0.17|4e6|0.011
"""

# Outside the US: known to quotes and series, never part of the listing.
FOREIGN = """
MBG.DEX|Mercedes-Benz Group AG|XETRA|1998-10-26|58|0.26|3e6|0.07
SHOP.TRT|Shopify Inc|Toronto|2015-05-20|205|0.50|2e6|0
TSCO.LON|Tesco PLC|United Kingdom|1947-12-23|445|0.20|15e6|0.031
VOD.LON|Vodafone Group PLC|United Kingdom|1988-10-26|92|0.24|45e6|0.045
"""

# How closely a ticker follows the market as a whole; stocks do so by 0.6 unless named here.
FOLLOWS_MARKET = {
    "DIA": 0.93,
    "GLD": 0.05,
    "IWM": 0.85,
    "QQQ": 0.93,
    "SLV": 0.15,
    "SPY": 0.98,
    "TLT": -0.25,
    "VOO": 0.98,
    "VTI": 0.98,
}


def _table(text: str, kind: str) -> list[Known]:
    rows = []
    for line in text.strip("\n").splitlines():
        ticker, name, exchange, listed, price, volatility, volume, dividends = line.split("|")
        rows.append(
            Known(
                ticker,
                name,
                exchange,
                kind,
                date.fromisoformat(listed),
                float(price),
                float(volatility),
                float(volume),
                float(dividends),
            )
        )
    return rows


LISTED = {known.ticker: known for known in _table(STOCKS, "Stock") + _table(FUNDS, "ETF")}
ABROAD = {known.ticker: known for known in _table(FOREIGN, "Equity")}
KNOWN = LISTED | ABROAD
