"""Checkpoints of TensorFlow, read without TensorFlow."""

from collections.abc import Sequence

from tmplcore.descriptors import FormatPlugin
from tmplcore.hookspecs import hookimpl

__all__ = ["tmplcore_formats"]


@hookimpl
def tmplcore_formats() -> Sequence[FormatPlugin]:
    """Publish the V2 bundle."""
    return [
        FormatPlugin(
            name="tensorflow",
            summary="TensorFlow V2 bundle (model.ckpt.index and its data shards), read only",
            factory="tmpl_tensorflow.bundle:BundleFormat",
            detect="tmpl_tensorflow.locate:detect",
            suffixes=(".index",),
            priority=20,
        )
    ]
