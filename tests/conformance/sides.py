"""The two implementations that programs run on."""

from __future__ import annotations

import os
from typing import Any

import numpy as np


class Ours:
    """`tmplcore.compat.v1`."""

    def __init__(self) -> None:
        import tmplcore.compat.v1 as tf

        self.tf: Any = tf

    def evaluate(self, value: Any) -> Any:
        """Return the value of a variable or tensor; a list of them for a partitioned variable."""
        if type(value).__name__ == "PartitionedVariable":
            return [self.evaluate(shard) for shard in value]
        return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


class TensorFlow:
    """`tensorflow.compat.v1` in graph mode, as a black box."""

    def __init__(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
        tf.logging.set_verbosity(tf.logging.FATAL)
        self.tf: Any = tf

    def evaluate(self, value: Any) -> Any:
        """Return the value of a variable or tensor in a session, without adding an op to the graph."""
        tf = self.tf
        graph = tf.get_default_graph()
        variables = {
            item
            for key in graph.get_all_collection_keys()
            for item in graph.get_collection(key)
            if isinstance(item, tf.Variable)
        }
        if isinstance(value, tf.Variable):
            variables.add(value)
        if type(value).__name__ == "PartitionedVariable":
            value = list(value)
            variables.update(value)
        with tf.Session(graph=graph) as session:
            session.run([variable.initializer for variable in variables])
            return session.run(value)
