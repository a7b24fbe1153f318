"""Languages of a report, one file each."""
