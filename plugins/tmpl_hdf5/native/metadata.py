"""The JSON metadata of a native checkpoint."""

from __future__ import annotations

import json

from tmpl_hdf5.native.index import VERSION
from tmpl_hdf5.native.plan import round_up
from tmplcore.checkpoint.format import Metadata
from tmplcore.errors import DamagedError, SaveError

__all__ = ["decode_meta", "encode_meta"]

_ROOM = 1024  # it is padded to a multiple of this, so that a step's metrics rarely change the layout


def encode_meta(meta: Metadata) -> bytes:
    """Return the JSON metadata of a file, padded with spaces.

    Raises:
        SaveError: Something in it is not JSON.
    """
    content = {
        "format": "tmplcore",
        "format_version": str(VERSION),
        "step": meta.step,
        "time": meta.time,
        "metrics": dict(meta.metrics),
        "user": dict(meta.user),
        "provenance": dict(meta.provenance),
    }
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SaveError(f"the metadata is not JSON: {error}", hint="use numbers, text, lists and dicts") from None
    return text.ljust(round_up(len(text), _ROOM))


def decode_meta(text: bytes) -> Metadata:
    """Decode the JSON metadata of a file.

    Raises:
        DamagedError: It is not what the format says.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"the metadata is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise DamagedError("the metadata is not a JSON object")
    return Metadata.from_json(content, str(content.get("format_version")))
