"""What a model with a head says of rows."""
