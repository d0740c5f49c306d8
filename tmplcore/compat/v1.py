"""TensorFlow 1's names: `import tmplcore.compat.v1 as tf` runs builder code unchanged up to its math.

>>> import tmplcore.compat.v1 as tf
>>> def layer(size):
...     with tf.variable_scope(None, "dense"):
...         return tf.get_variable("kernel", [size, size], initializer=tf.zeros_initializer())
>>> with tf.Graph().as_default():
...     with tf.variable_scope("model", reuse=tf.AUTO_REUSE):
...         kernels = [layer(2), layer(2)]
...     print([v.op.name for v in tf.trainable_variables()])
['model/dense/kernel', 'model/dense_1/kernel']

Names, numbering, reuse and collections are those of TensorFlow's graph mode; values are there at once. A graph is a
`tmplcore.VariableStore`: `tf.Graph("torch")` keeps its variables in torch.
"""

from tmplcore.collections import GraphKeys
from tmplcore.compat import dtypes, errors, initializers, losses, random, train
from tmplcore.compat._absent import absent as _absent
from tmplcore.compat._contexts import colocate_with, container, control_dependencies, device, init_scope
from tmplcore.compat._helpers import (
    add_to_collection,
    add_to_collections,
    all_variables,
    assign,
    assign_add,
    assign_sub,
    dimension_value,
    disable_control_flow_v2,
    disable_eager_execution,
    disable_resource_variables,
    disable_tensor_equality,
    disable_v2_behavior,
    disable_v2_tensorshape,
    enable_resource_variables,
    executing_eagerly,
    get_collection,
    get_collection_ref,
    global_variables,
    group,
    is_tensor,
    local_variables,
    logging,
    model_variables,
    moving_average_variables,
    no_op,
    op_scope,
    set_random_seed,
    trainable_variables,
)
from tmplcore.compat._initialized import (
    assert_variables_initialized,
    global_variables_initializer,
    is_variable_initialized,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
    variables_initializer,
)
from tmplcore.compat._initialized import global_variables_initializer as initialize_all_variables
from tmplcore.compat._initialized import local_variables_initializer as initialize_local_variables
from tmplcore.compat._initialized import tables_initializer as initialize_all_tables
from tmplcore.compat._initialized import variables_initializer as initialize_variables
from tmplcore.compat._pieces import create_partitioned_variables
from tmplcore.compat._tensor import (
    constant,
    convert_to_tensor,
    fill,
    identity,
    ones,
    ones_like,
    random_normal,
    random_uniform,
    truncated_normal,
    zeros,
    zeros_like,
)
from tmplcore.creation import variable_creator_scope
from tmplcore.dtypes import (
    QUANTIZED_DTYPES,
    DType,
    as_dtype,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    qint8,
    qint16,
    qint32,
    quint8,
    quint16,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from tmplcore.dtypes import bool_ as bool
from tmplcore.dtypes import float16 as half
from tmplcore.dtypes import float64 as double
from tmplcore.getting import get_local_variable, get_variable
from tmplcore.initializers import Constant as constant_initializer
from tmplcore.initializers import GlorotNormal as glorot_normal_initializer
from tmplcore.initializers import GlorotUniform as glorot_uniform_initializer
from tmplcore.initializers import Ones as ones_initializer
from tmplcore.initializers import Orthogonal as orthogonal_initializer
from tmplcore.initializers import RandomNormal as random_normal_initializer
from tmplcore.initializers import RandomUniform as random_uniform_initializer
from tmplcore.initializers import TruncatedNormal as truncated_normal_initializer
from tmplcore.initializers import UniformUnitScaling as uniform_unit_scaling_initializer
from tmplcore.initializers import VarianceScaling as variance_scaling_initializer
from tmplcore.initializers import Zeros as zeros_initializer
from tmplcore.modes import AUTO_REUSE, VariableAggregation, VariableSynchronization, no_regularizer
from tmplcore.name_scoping import name_scope
from tmplcore.partition import (
    fixed_size_partitioner,
    min_max_variable_partitioner,
    variable_axis_size_partitioner,
)
from tmplcore.scope import VariableScope
from tmplcore.scoping import get_variable_scope, variable_op_scope, variable_scope
from tmplcore.shapes import Dimension, TensorShape
from tmplcore.store import VariableStore as Graph
from tmplcore.store import get_default_store as get_default_graph
from tmplcore.store import reset_default_store as reset_default_graph
from tmplcore.template import make_template
from tmplcore.tensor import Operation, Tensor
from tmplcore.variable import Variable

__all__ = [
    "add_to_collection",
    "add_to_collections",
    "all_variables",
    "as_dtype",
    "assert_variables_initialized",
    "assign",
    "assign_add",
    "assign_sub",
    "AUTO_REUSE",
    "bfloat16",
    "bool",
    "colocate_with",
    "complex128",
    "complex64",
    "constant",
    "constant_initializer",
    "container",
    "control_dependencies",
    "convert_to_tensor",
    "create_partitioned_variables",
    "device",
    "Dimension",
    "dimension_value",
    "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_resource_variables",
    "disable_tensor_equality",
    "disable_v2_behavior",
    "disable_v2_tensorshape",
    "double",
    "DType",
    "dtypes",
    "enable_resource_variables",
    "errors",
    "executing_eagerly",
    "fill",
    "fixed_size_partitioner",
    "float16",
    "float32",
    "float64",
    "get_collection",
    "get_collection_ref",
    "get_default_graph",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "global_variables",
    "global_variables_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "Graph",
    "GraphKeys",
    "group",
    "half",
    "identity",
    "init_scope",
    "initialize_all_tables",
    "initialize_all_variables",
    "initialize_local_variables",
    "initialize_variables",
    "initializers",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_tensor",
    "is_variable_initialized",
    "local_variables",
    "local_variables_initializer",
    "logging",
    "losses",
    "make_template",
    "min_max_variable_partitioner",
    "model_variables",
    "moving_average_variables",
    "name_scope",
    "no_op",
    "no_regularizer",
    "ones",
    "ones_initializer",
    "ones_like",
    "op_scope",
    "Operation",
    "orthogonal_initializer",
    "qint16",
    "qint32",
    "qint8",
    "QUANTIZED_DTYPES",
    "quint16",
    "quint8",
    "random",
    "random_normal",
    "random_normal_initializer",
    "random_uniform",
    "random_uniform_initializer",
    "report_uninitialized_variables",
    "reset_default_graph",
    "resource",
    "set_random_seed",
    "string",
    "tables_initializer",
    "Tensor",
    "TensorShape",
    "train",
    "trainable_variables",
    "truncated_normal",
    "truncated_normal_initializer",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uniform_unit_scaling_initializer",
    "Variable",
    "variable_axis_size_partitioner",
    "variable_creator_scope",
    "variable_op_scope",
    "variable_scope",
    "VariableAggregation",
    "variables_initializer",
    "VariableScope",
    "VariableSynchronization",
    "variance_scaling_initializer",
    "variant",
    "zeros",
    "zeros_initializer",
    "zeros_like",
]

__getattr__ = _absent("tf", __all__)
