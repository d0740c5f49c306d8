"""Record what TensorFlow's ExponentialMovingAverage computes, into `ema.json` beside this file.

Run it with an interpreter that has TensorFlow 2.21: `python tests/data/getters/record_ema.py`.
The numbers are the bits of the values as hexadecimal text, so that a comparison can be exact.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def bits(value):
    return np.ascontiguousarray(value).tobytes().hex()


def run(decay, warm_up, dtype, steps=12):
    rng = np.random.default_rng(7)
    start = rng.standard_normal((3, 4)).astype(dtype.as_numpy_dtype)
    targets = rng.standard_normal((steps, 3, 4)).astype(dtype.as_numpy_dtype)
    with tf.Graph().as_default():
        with tf.variable_scope("model"):
            w = tf.get_variable("w", initializer=start)
            frozen = tf.get_variable("frozen", shape=[2], trainable=False, initializer=tf.zeros_initializer())
        step = tf.placeholder(tf.int32, [])
        averages = tf.train.ExponentialMovingAverage(decay, num_updates=step if warm_up else None)
        target = tf.placeholder(dtype, [3, 4])
        with tf.control_dependencies([w.assign(target)]):
            update = averages.apply()
        shadow = averages.average(w)
        names = {
            "average_name": averages.average_name(w),
            "global_variables": [v.name for v in tf.global_variables()],
            "trainable_variables": [v.name for v in tf.trainable_variables()],
            "moving_average_variables": [v.name for v in tf.moving_average_variables()],
            "variables_to_restore": {name: v.name for name, v in sorted(averages.variables_to_restore().items())},
            "average_of_frozen": str(averages.average(frozen)),
        }
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            shadows = [bits(session.run(shadow))]
            for i in range(steps):
                session.run(update, {target: targets[i], step: i})
                shadows.append(bits(session.run(shadow)))
    return {
        "decay": decay,
        "warm_up": warm_up,
        "dtype": dtype.name,
        "start": bits(start),
        "targets": [bits(t) for t in targets],
        "shadows": shadows,
        "names": names,
    }


cases = [run(decay, warm_up, tf.float32) for decay in (0.5, 0.9, 0.999) for warm_up in (False, True)]
cases += [run(0.9, warm_up, dtype) for dtype in (tf.float64, tf.float16, tf.bfloat16) for warm_up in (False, True)]
out = {"tensorflow": tf.__version__, "cases": cases}
Path(__file__).with_name("ema.json").write_text(json.dumps(out, indent=1) + "\n")
print(json.dumps(cases[1]["names"], indent=1))
