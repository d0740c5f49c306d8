"""TensorFlow 1 variable sharing for every array library."""

from tmplcore.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = ["__version__", "hookimpl"]
