"""The one training loop, with its checkpoints and optimizers."""
