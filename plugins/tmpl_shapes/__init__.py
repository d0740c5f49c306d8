"""Variables without values, for dry runs."""

from tmplcore.descriptors import BackendPlugin
from tmplcore.hookspecs import hookimpl

__all__ = ["tmplcore_backends"]


@hookimpl
def tmplcore_backends() -> list[BackendPlugin]:
    """Publish the `shapes` backend."""
    return [
        BackendPlugin(
            name="shapes",
            summary="names, shapes and dtypes only: allocates nothing (dry runs)",
            factory="tmpl_shapes.backend:ShapesBackend",
        ),
    ]
