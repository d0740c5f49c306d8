"""safetensors files, read and written without any framework."""

from collections.abc import Sequence

from tmplcore.descriptors import FormatPlugin
from tmplcore.hookspecs import hookimpl

__all__ = ["tmplcore_formats"]


@hookimpl
def tmplcore_formats() -> Sequence[FormatPlugin]:
    """Publish safetensors."""
    return [
        FormatPlugin(
            name="safetensors",
            summary="safetensors (Hugging Face)",
            factory="tmpl_safetensors.format:SafetensorsFormat",
            detect="tmpl_safetensors.header:detect",
            suffixes=(".safetensors",),
            writable=True,
            priority=10,
        )
    ]
