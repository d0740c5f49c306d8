"""Plugin: jax."""
