"""The native checkpoint format: one step, one immutable HDF5 file, written and read without libhdf5."""
