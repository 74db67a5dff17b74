"""Alpha Vantage's spelling: queries, one hardened GET, refusals, bodies to records. Stops here."""
