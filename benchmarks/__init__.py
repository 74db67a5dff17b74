"""What stocktracker costs, beside what rivals cost, measured in the same run.

`make bench` runs everything and keeps the table in benchmarks/README.md. Nothing here is part of
the product, and nothing of the product knows of it.
"""
