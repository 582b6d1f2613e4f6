"""What is in a panel, as tables and pictures."""
