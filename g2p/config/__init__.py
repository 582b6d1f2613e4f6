"""The config schema: options read from signatures, checked before any work starts."""
