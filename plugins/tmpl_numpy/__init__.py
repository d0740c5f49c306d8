"""Plugin: numpy."""
