"""The bases that plug-ins implement: an objective, a downstream, a way of transfer."""
