"""What the transfer bought, over numbers of labels and seeds."""
