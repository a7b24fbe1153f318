"""Training on labelled rows: the search over settings, and one trial of it."""
