"""One page about a whole run: typed data in, self-contained HTML, figures and tables out."""
