"""Plugin: torch."""
