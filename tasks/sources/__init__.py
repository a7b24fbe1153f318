"""Sources of rows, one published format a file; `kind` is the name of the module."""
