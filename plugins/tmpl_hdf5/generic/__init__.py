"""Any HDF5 file as a tree of datasets, read through h5py, with nothing followed out of the file."""
