"""TensorFlow's `tf.errors`: what to catch where checkpoints are read."""

from typing import Final

from tmplcore.errors import DamagedError as DataLossError
from tmplcore.errors import TmplError as OpError

__all__ = ["DataLossError", "NotFoundError", "OpError"]

NotFoundError: Final = LookupError
"""There is no such checkpoint, or no such variable in it: what both errors of ours have in common."""
