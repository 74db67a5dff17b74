"""The texts with which Alpha Vantage refuses or complains, word for word, each under a name.

All are served with status 200 as an object of one entry. `{key}`, `{function}` and `{count}` are
filled in where upstream fills them in: the daily refusal repeats the whole API key.
"""

from __future__ import annotations

from dataclasses import dataclass

PREMIUM = "https://www.alphavantage.co/premium/"
KEY_PAGE = "https://www.alphavantage.co/support/#api-key"
THANKS = "Thank you for using Alpha Vantage!"
SUBSCRIBE = f"subscribe to any of the premium plans at {PREMIUM} to"
MORE_VOLUME = (
    "Please contact support@alphavantage.co if you are targeting a higher API request volume."
)
INDEX_PLANS = (
    f"Please subscribe to any of our 150, 300, 600, or 1200 requests per minute premium plans at "
    f"{PREMIUM}"
)


class _Blanks(dict[str, object]):
    """Leaves a blank that nobody fills as upstream's own examples have it."""

    def __missing__(self, name: str) -> str:
        return {"key": "ABC123", "function": "TIME_SERIES_DAILY"}[name]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One text and the entry that it is served under; `count` is for a limit that nobody gives."""

    entry: str
    text: str
    count: int = 0

    def body(self, **blanks: object) -> dict[str, str]:
        return {self.entry: self.text.format_map(_Blanks({"count": self.count} | blanks))}


def _information(text: str, count: int = 0) -> Refusal:
    return Refusal("Information", text, count)


REFUSALS = {
    "day": _information(
        "We have detected your API key as {key} and our standard API rate limit is "
        f"{{count}} requests per day. Please {SUBSCRIBE} instantly remove all daily rate limits.",
        count=25,
    ),
    "day-2024": _information(
        f"{THANKS} Our standard API rate limit is {{count}} requests per day. "
        f"Please {SUBSCRIBE} instantly remove all daily rate limits.",
        count=25,
    ),
    "second": _information(
        f"{THANKS} Please consider spreading out your free API requests more sparingly "
        f"(1 request per second). You may {SUBSCRIBE} lift the free key rate limit "
        "(25 requests per day), raise the per-second burst limit, and instantly unlock all "
        "premium endpoints"
    ),
    "second-2025": _information(
        f"{THANKS} Please consider spreading out your free API requests more sparingly. "
        f"You may {SUBSCRIBE} lift the free key rate limit (25 requests per day) and instantly "
        "unlock all premium endpoints"
    ),
    "minute-2018": Refusal(
        "Note",
        f"{THANKS} Our standard API call frequency is {{count}} calls per minute and 500 calls "
        f"per day. Please visit {PREMIUM} if you would like to target a higher API call frequency.",
        count=5,
    ),
    "volume-2018-04": _information(
        f"{THANKS} Please kindly contact support@alphavantage.co if you would like to have a "
        "higher API call volume"
    ),
    "volume-2018-08": _information(
        f"{THANKS} Please visit {PREMIUM} if you would like to have a higher API call volume."
    ),
    "premium-second": _information(
        "Burst pattern detected. Please consider spreading out your API requests more evenly "
        "across a 1-minute window and query no more than {count} requests per second. "
        + MORE_VOLUME,
        count=20,
    ),
    "premium-minute": _information(
        "Minute-level rate limit exceed. Please stay under the number of API requests per minute "
        f"for your premium subscription plan. {MORE_VOLUME}"
    ),
    "premium-volume": _information(
        f"{THANKS} Please contact premium@alphavantage.co if you are targeting a higher API call "
        "volume."
    ),
    "premium-endpoint": _information(
        f"{THANKS} This is a premium endpoint. You may {SUBSCRIBE} instantly unlock all premium "
        "endpoints"
    ),
    "premium-endpoint-2022": _information(
        f"{THANKS} This is a premium endpoint and there are multiple ways to unlock premium "
        "endpoints: (1) become a holder of Alpha Vantage Coin (AVC), an Ethereum-based "
        "cryptocurrency that provides various utility & governance functions within the Alpha "
        "Vantage ecosystem (AVC mining guide: https://www.alphatournament.com/avc_mining_guide/) "
        f"to unlock all premium endpoints, (2) {SUBSCRIBE} instantly unlock all premium endpoints"
    ),
    "full-is-premium": _information(
        f"{THANKS} The outputsize=full parameter value is a premium feature for the {{function}} "
        f"endpoint. You may {SUBSCRIBE} instantly unlock all premium features"
    ),
    "not-entitled": _information("You are not yet entitled to realtime US market data access."),
    "not-entitled-index": Refusal(
        "Note", f"You are not yet entitled to index data access. {INDEX_PLANS}"
    ),
    "demo-key": _information(
        "The **demo** API key is for demo purposes only. Please claim your free API key at "
        f"({KEY_PAGE}) to explore our full API offerings. It takes fewer than 20 seconds."
    ),
    "no-key": Refusal(
        "Error Message",
        "the parameter apikey is invalid or missing. Please claim your free API key on "
        f"({KEY_PAGE}). It should take less than 20 seconds.",
    ),
    "invalid-call": Refusal(
        "Error Message",
        "Invalid API call. Please retry or visit the documentation "
        "(https://www.alphavantage.co/documentation/) for {function}.",
    ),
    "no-function": Refusal("Error Message", "This API function ({function}) does not exist."),
    "invalid-inputs": _information(
        "Invalid inputs. Please refer to the API documentation "
        "https://www.alphavantage.co/documentation#newsapi and try again."
    ),
    "no-articles": _information(
        "No articles found. Please adjust the time range or refer to the API documentation "
        "https://www.alphavantage.co/documentation#newsapi and try again."
    ),
    "accept": Refusal("detail", "Could not satisfy the request Accept header."),
}
