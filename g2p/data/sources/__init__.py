"""Data sources: a file each, with a function `read` that returns a panel."""
