"""Plugin: tensorflow."""
