"""Ways of carrying a model over to a downstream, one a file; `kind` is the name of the module."""
