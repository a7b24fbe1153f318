"""Text as tokens: the tokenizer, its training, and packing."""
