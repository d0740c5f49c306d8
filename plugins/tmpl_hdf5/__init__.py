"""Plugin: HDF5. The native checkpoint format, any other HDF5 file as a tree of datasets, and variables in a file."""

from __future__ import annotations

from tmplcore import hookspecs
from tmplcore.descriptors import BackendPlugin, FormatPlugin

__all__ = ["tmplcore_backends", "tmplcore_formats"]


@hookspecs.hookimpl
def tmplcore_backends() -> list[BackendPlugin]:
    """Publish the backend whose variables live in a file."""
    return [
        BackendPlugin(
            name="hdf5",
            summary="variables in an HDF5 file: they outlast the process and may be larger than memory",
            factory="tmpl_hdf5.backend:HDF5Backend",
            options="tmpl_hdf5.backend_options:HDF5Options",
            requires=("h5py",),
        ),
    ]


@hookspecs.hookimpl
def tmplcore_formats() -> list[FormatPlugin]:
    """Publish the native format, and HDF5 in general."""
    return [
        FormatPlugin(
            name="tmplcore",
            summary="one HDF5 file a step, indexed, hashed, readable by any HDF5 tool",
            factory="tmpl_hdf5.native.format:NativeFormat",
            suffixes=(".h5",),
            detect="tmpl_hdf5.detect:is_native",
            writable=True,
            priority=20,
        ),
        FormatPlugin(
            name="hdf5",
            summary="any HDF5 file as a tree of datasets (Keras weights, working files)",
            factory="tmpl_hdf5.generic.reader:HDF5Format",
            requires=("h5py",),
            suffixes=(".h5", ".hdf5"),
            detect="tmpl_hdf5.detect:is_hdf5",
            priority=10,
        ),
    ]
