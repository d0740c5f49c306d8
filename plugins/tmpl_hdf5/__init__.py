"""Plugin: hdf5."""
