"""Contract suites that a plugin author subclasses."""
