"""What downstreams with classes or scores share."""
