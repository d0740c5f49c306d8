"""Checkpoints: saving, restoring, comparing and keeping them. Knows no file format; formats are plugins."""
