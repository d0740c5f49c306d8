"""Plugin: npz."""
