"""NumPy's own files, .npz and .npy, without pickles."""

from collections.abc import Sequence

from tmplcore.descriptors import FormatPlugin
from tmplcore.hookspecs import hookimpl

__all__ = ["tmplcore_formats"]


@hookimpl
def tmplcore_formats() -> Sequence[FormatPlugin]:
    """Publish npz and npy."""
    return [
        FormatPlugin(
            name="npz",
            summary="NumPy archive, one array per variable name; no pickles",
            factory="tmpl_npz.npz:NpzFormat",
            detect="tmpl_npz.detect:is_npz",
            suffixes=(".npz",),
            writable=True,
            priority=10,
        ),
        FormatPlugin(
            name="npy",
            summary="a single NumPy array, called like the file; no pickles",
            factory="tmpl_npz.npy:NpyFormat",
            detect="tmpl_npz.detect:is_npy",
            suffixes=(".npy",),
            writable=True,
            priority=10,
        ),
    ]
