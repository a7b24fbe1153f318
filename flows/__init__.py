"""What runs after what, and nothing else: Prefect flows, recipes and the command line."""
