"""What its operator does beside the running server: `python -m stocktracker check`, copies."""
