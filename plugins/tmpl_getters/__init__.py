"""Plugin: getters."""
