"""A stand-in for Alpha Vantage over HTTP, for demo mode, for tests and by itself.

    with serve(Simulator(PLANS["premium-150"])) as server:
        requests.get(f"{server.url}?function=GLOBAL_QUOTE&symbol=IBM&apikey=A")

It is an implementation of its own of what upstream does: it imports nothing that stocktracker
fetches or reads replies with, so that neither can be wrong in the same way as the other.
"""

from stocktracker.simulator.faults import NAMES as FAULTS
from stocktracker.simulator.faults import Fault, Faults
from stocktracker.simulator.server import Server, serve
from stocktracker.simulator.simulator import ReceivedCall, Simulator

__all__ = ["FAULTS", "Fault", "Faults", "ReceivedCall", "Server", "Simulator", "serve"]
