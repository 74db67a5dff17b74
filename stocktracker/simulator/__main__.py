"""`python -m stocktracker.simulator --plan free --port 8600`: the simulator by itself."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta

from stocktracker.config import Hours
from stocktracker.plans import PLANS, Limit, parse_limits
from stocktracker.simulator.functions import NAMES
from stocktracker.simulator.limits import upstream_limits
from stocktracker.simulator.server import serve
from stocktracker.simulator.simulator import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    plan = PLANS[options.plan]
    limits = options.limits or upstream_limits(plan)
    simulator = Simulator(
        plan,
        limits,
        hours=Hours(options.hours),
        publication=timedelta(minutes=options.publication_minutes),
        latency=timedelta(milliseconds=options.latency_ms),
        seed=options.seed,
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        server = serve(simulator, options.port)
    except OSError as error:
        _parser().error(f"port {options.port}: {error.strerror}")
    with server:
        sys.stdout.write(
            f"{server.url} simulates Alpha Vantage: plan {plan.name}, "
            f"limits {','.join(map(str, limits))}, hours {options.hours}\n"
        )
        sys.stdout.flush()
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stocktracker.simulator",
        description="A stand-in for Alpha Vantage on 127.0.0.1, with simulated prices.",
        epilog=f"It answers {', '.join(NAMES)}.",
    )
    parser.add_argument("--plan", choices=list(PLANS), default="free")
    parser.add_argument("--port", type=_port, default=8600, help="0 takes a free one")
    parser.add_argument("--limits", type=_limits, help="instead of the plan's, as in 5/minute")
    parser.add_argument("--hours", choices=[hours.value for hours in Hours], default="exchange")
    parser.add_argument(
        "--publication-minutes",
        type=_not_negative,
        default=120,
        help="from a session's close until its end-of-day figures are out",
    )
    parser.add_argument("--latency-ms", type=_not_negative, default=0)
    parser.add_argument("--seed", type=int, default=1, help="another one, another market")
    return parser


def _limits(text: str) -> tuple[Limit, ...]:
    try:
        return parse_limits(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 1/second,25/day") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _not_negative(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 1000000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
