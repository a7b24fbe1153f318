"""One NLP task a file: `guess` says whether a table holds its rows, and in which columns."""
