"""What a step declares: its ref and its key. Nothing runs here."""
