"""Plain text: cleaning, duplicates, leaks, splits, and the invented world of the demo."""
