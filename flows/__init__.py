"""What runs after what, and nothing else: Prefect flows, recipes and the command line."""

from flows.own_code import goes_first

goes_first()
