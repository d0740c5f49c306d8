"""A function that makes variables, or a template, as a pair of pure functions."""
