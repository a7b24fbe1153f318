"""The invented Korean world of the demo: its grammar, words, texts, rows and planted dirt."""
