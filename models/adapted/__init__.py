"""The files of an adapted model, and answering with them."""
