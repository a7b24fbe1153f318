"""NLP tasks that a pretrained model is carried over to, one a file or folder; `kind` is its name."""
