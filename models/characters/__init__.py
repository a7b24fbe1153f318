"""What downstreams that label characters share."""
