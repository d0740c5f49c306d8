"""Plugin: shapes."""
