"""What is said about TensorFlow's names that are not here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from tmplcore.messages import nearest

__all__ = ["absent"]

_RUN: Final = "values are there at once: variable.numpy() is the value, op() does what session.run(op) does"
_LAYER: Final = "write the layer as a function that gets its variables from get_variable, share it with make_template"
_INSTEAD: Final = {
    "Session": _RUN,
    "InteractiveSession": _RUN,
    "placeholder": "call the function with the array itself",
    "Saver": "tmplcore.checkpoint.save(path, variables), restore(path, variables), or a CheckpointManager",
    "layers": _LAYER,
    "keras": _LAYER,
    "while_loop": "control flow is Python's: while",
    "cond": "control flow is Python's: if",
    "gradients": "torch and JAX compute gradients; see the backends",
    "GradientTape": "torch and JAX compute gradients; see the backends",
    "Optimizer": "torch and optax have optimizers",
    "AdamOptimizer": "torch.optim.Adam, optax.adam",
    "GradientDescentOptimizer": "torch.optim.SGD, optax.sgd",
}
_MATHEMATICS: Final = (
    "scopes, variables and what belongs to them are here; mathematics is your array library's, and takes variables as "
    "they are: numpy.matmul(x, w), torch.relu(w), x @ w"
)


def absent(module: str, names: Iterable[str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module in which not all of TensorFlow's names are.

    Args:
        module: What TensorFlow calls the module.
        names: The names that are there.
    """
    known = list(names)

    def __getattr__(name: str) -> Any:
        message = f"module {module!r} of tmplcore has no attribute {name!r}."
        if not name.startswith("_"):  # Python itself asks for those
            hint = _INSTEAD.get(name, _MATHEMATICS)
            message = f"{message}{'' if name in _INSTEAD else nearest(name, known)} Hint: {hint}."
        raise AttributeError(message, name=name)

    return __getattr__
