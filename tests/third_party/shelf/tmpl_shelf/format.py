"""A checkpoint format: a magic line, a JSON header, then the bytes of the variables."""

import json
import math
from pathlib import Path
from typing import ClassVar, final

import ml_dtypes
import numpy as np

from tmpl_shelf.detect import MAGIC, is_shelf
from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.errors import CheckpointNotFoundError, DamagedError, SaveError, UnreadableError

LONGEST_HEADER = 64 << 20  # a file that claims more is not believed
