"""What a recipe makes, as a graph of refs with every key known; nothing runs here, and Prefect is not needed."""
