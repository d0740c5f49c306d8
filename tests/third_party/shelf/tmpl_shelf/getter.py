"""A getter: what the model reads is a little off, which makes it robust."""

import numpy as np

from tmplcore import get_default_store


class Noise:
    """Adds Gaussian noise to trainable floating variables, new noise at each reading.

    Args:
        deviation: The standard deviation.
        seed: What the noise depends on.
    """

    def __init__(self, deviation=0.01, seed=0):
        self.deviation = deviation
        self._random = np.random.default_rng([seed, get_default_store().seed])

    def __call__(self, next_getter, name, **kwargs):
        variable = next_getter(name, **kwargs)
        if not kwargs["trainable"] or np.dtype(variable.dtype).kind != "f":
            return variable
        noise = self._random.standard_normal(tuple(variable.shape)).astype(variable.dtype)
        return variable + noise * np.asarray(self.deviation, variable.dtype)
