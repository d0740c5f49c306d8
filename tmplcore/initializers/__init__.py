"""Initializers: what a new variable starts as, with TensorFlow 1's constructors and call signature.

An initializer is called as `initializer(shape, dtype=None, partition_info=None)` and returns a `numpy.ndarray`.
`blocks` gives the same value in flat pieces, for variables larger than memory. Random ones depend on (seed, variable
name) alone, see `tmplcore.random`.
"""

from tmplcore.initializers.base import Initializer
from tmplcore.initializers.distributions import RandomNormal, RandomUniform, TruncatedNormal
from tmplcore.initializers.fixed import Constant, Identity, Ones, Zeros
from tmplcore.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    Orthogonal,
    UniformUnitScaling,
    VarianceScaling,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "UniformUnitScaling",
    "VarianceScaling",
    "Zeros",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]
