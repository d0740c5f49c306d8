"""Variables in .npy files, and what goes with them."""

from tmplcore import hookimpl
from tmplcore.descriptors import BackendPlugin, FormatPlugin, GetterPlugin


@hookimpl
def tmplcore_backends():
    return [
        BackendPlugin(
            name="shelf",
            summary="every variable is a .npy file in a directory",
            factory="tmpl_shelf.backend:ShelfBackend",
            options="tmpl_shelf.options:ShelfOptions",
        )
    ]


@hookimpl
def tmplcore_getters():
    return [
        GetterPlugin(
            name="noise",
            summary="adds Gaussian noise to what the model reads",
            factory="tmpl_shelf.getter:Noise",
            options="tmpl_shelf.options:NoiseOptions",
        )
    ]


@hookimpl
def tmplcore_formats():
    return [
        FormatPlugin(
            name="shelf",
            summary="one file: a JSON header, then the bytes",
            factory="tmpl_shelf.format:ShelfFormat",
            suffixes=(".shelf",),
            detect="tmpl_shelf.detect:is_shelf",
            writable=True,
        )
    ]


@hookimpl
def tmplctl_commands():
    from tmplctl.hookspecs import CommandPlugin

    return [
        CommandPlugin(
            name="biggest",
            summary="Show the largest variables of a checkpoint",
            factory="tmpl_shelf.command:biggest",
            examples=("tmplctl biggest latest --top 3",),
        )
    ]
