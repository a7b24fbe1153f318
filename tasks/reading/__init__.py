"""The base of a source, and what published formats share."""
