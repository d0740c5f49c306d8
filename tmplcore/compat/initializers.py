"""TensorFlow's `tf.initializers`: the initializers under the names that they have there."""

from tmplcore.compat._initialized import global_variables_initializer as global_variables
from tmplcore.compat._initialized import local_variables_initializer as local_variables
from tmplcore.compat._initialized import tables_initializer
from tmplcore.compat._initialized import variables_initializer as variables
from tmplcore.initializers import Constant as constant
from tmplcore.initializers import GlorotNormal as glorot_normal
from tmplcore.initializers import GlorotUniform as glorot_uniform
from tmplcore.initializers import Identity as identity
from tmplcore.initializers import Ones as ones
from tmplcore.initializers import Orthogonal as orthogonal
from tmplcore.initializers import RandomNormal as random_normal
from tmplcore.initializers import RandomUniform as random_uniform
from tmplcore.initializers import TruncatedNormal as truncated_normal
from tmplcore.initializers import UniformUnitScaling as uniform_unit_scaling
from tmplcore.initializers import VarianceScaling as variance_scaling
from tmplcore.initializers import Zeros as zeros
from tmplcore.initializers import he_normal, he_uniform, lecun_normal, lecun_uniform

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "tables_initializer",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]
