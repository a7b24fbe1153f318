"""Text as tokens: the tokenizer, its training, encoding, and the documents that are read back."""
