"""Several models of one kind trained at once."""
