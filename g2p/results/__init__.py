"""What a run leaves, and what is made from it; nothing here imports torch."""
