"""TensorFlow's `tf.random`, as far as initial values need it."""

from tmplcore.compat._helpers import set_random_seed
from tmplcore.compat._tensor import random_normal as normal
from tmplcore.compat._tensor import random_uniform as uniform
from tmplcore.compat._tensor import truncated_normal

__all__ = ["normal", "set_random_seed", "truncated_normal", "uniform"]
