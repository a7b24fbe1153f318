"""Models: their configuration, how they are built, their heads and layers."""
