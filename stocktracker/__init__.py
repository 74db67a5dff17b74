"""stocktracker: one Alpha Vantage key, any number of viewers.

How the parts fit together is told in ARCHITECTURE.md; start reading at `runtime.py`, which wires
them, or at `poller.py`, which moves the data.
"""
