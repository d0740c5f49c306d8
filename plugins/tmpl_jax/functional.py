"""A function that makes variables, or a template, as a pair of pure functions."""

from __future__ import annotations

import operator
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, final

import jax
import numpy as np

import tmplcore
from tmpl_jax.backend import JaxBackend, JaxCell, precise, to_jax
from tmpl_jax.tree import find, flatten, nest
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError, InvalidArgumentError, InvalidTypeError
from tmplcore.frame import CURRENT
from tmplcore.journal import Journal
from tmplcore.store import current_frame

try:
    from jax.extend.core import get_opaque_trace_state
except ImportError:  # before JAX 0.10
    from jax.core import get_opaque_trace_state

__all__ = ["Transformed", "transform"]

# A template that had no call before has one for the length of a run, so runs take turns.
_running = threading.RLock()


class Transformed(NamedTuple):
    """What `transform` returns.

    Attributes:
        init: `init(seed, *args, **kwargs) -> params, state`: the initial values of the trainable variables and of the
            others, nested by scope. It runs on the host, and `seed` is a Python int; arguments may be
            `jax.ShapeDtypeStruct`, and then nothing is computed but the values.
        apply: `apply(params, state, *args, **kwargs) -> out, state`: what the function returns, and the state with
            what it assigned. Pure: for `jit`, `grad`, `vmap`, `scan`.
    """

    init: Callable[..., tuple[dict[str, Any], dict[str, Any]]]
    apply: Callable[..., tuple[Any, dict[str, Any]]]


def transform(function: Callable[..., Any], *, unexpected: Literal["skip", "error"] = "skip") -> Transformed:
    """Turn a function that gets its variables from `get_variable` into two pure functions.

    Each run has a store of its own. Names are what they would be in a new store, at the root scope; initial values are
    those of a store with that seed. Nothing that a run does outlasts it: a template that was not called before is
    afterwards as it was, and one that was called elsewhere keeps its scope and its values there.

    Args:
        function: A function or a template, called or not; it may use other templates.
        unexpected: What `apply` does about params and state that the function asks for no variable of. They are
            usual where a call takes a part of the model only (an evaluation without a head of the training), so they
            are skipped: params get no gradient, state comes back as it was. `"error"` names them.

    Returns:
        The two functions.

    Raises:
        InvalidArgumentError: `unexpected` is neither of the two.

    Example:
        >>> import jax.numpy as jnp
        >>> def dense(x):
        ...     return x @ tmplcore.get_variable("kernel", [x.shape[-1], 2])
        >>> net = transform(tmplcore.make_template("net", dense))
        >>> params, state = net.init(0, jnp.ones((3, 4)))
        >>> jax.tree.map(jnp.shape, params)
        {'net': {'kernel': (4, 2)}}
        >>> out, state = jax.jit(net.apply)(params, state, jnp.ones((3, 4)))
        >>> out.shape
        (3, 2)
    """
    if unexpected not in ("skip", "error"):
        raise InvalidArgumentError(f"unexpected={unexpected!r} is not a policy", hint="it is 'skip' or 'error'")

    def init(seed: int, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        backend = _FreshBackend()
        store = _store(backend, seed=_seed(seed))

        def run(args: Any, kwargs: Any) -> None:
            _run(store, function, args, kwargs, lambda: None)

        if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves((args, kwargs))):
            jax.eval_shape(run, args, kwargs)
            _refuse_tracers(backend.made)
        else:
            run(args, kwargs)
        params = {name: value for name, value in backend.made.items() if name in backend.trainable}
        state = {name: value for name, value in backend.made.items() if name not in backend.trainable}
        return nest(params), nest(state)

    def apply(params: Mapping[str, Any], state: Mapping[str, Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        _check_mapping("params", params)
        _check_mapping("state", state)
        backend = _GivenBackend(params, state)
        store = _store(backend)
        new = flatten(state)

        def collect() -> None:
            if unexpected == "error" and (unasked := sorted({*flatten(params), *new} - set(backend.made))):
                raise InvalidArgumentError(
                    f"params and state have {len(unasked)} values that the function asks for no variable of: "
                    + ", ".join(map(repr, unasked[:8]))
                    + (", …" if len(unasked) > 8 else ""),
                    hint='leave them out, or let them be with transform(function, unexpected="skip")',
                )
            for variable in store.variables:
                name, value = variable.op.name, variable.value
                if name in new:
                    new[name] = value
                elif value is not backend.made[name]:
                    raise InvalidArgumentError(
                        f"the function assigned to {variable.name}, which is among params: apply returns the state "
                        "only, and the new value would be lost",
                        hint="make it with trainable=False, or change params outside of apply",
                    )

        out = _run(store, function, args, kwargs, collect)
        return out, nest(new)

    return Transformed(init, apply)


class _RunBackend(Backend):
    """Where the variables of one run are.

    Attributes:
        made: The value with which each variable started, by name.
        trainable: Which of them are trainable.
    """

    name: ClassVar[str] = "jax"
    live: ClassVar[bool] = False

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.trainable: set[str] = set()
        self._arrays = JaxBackend(traced=True)
        self._trace: Any = None

    def begin(self) -> None:
        """Note the trace that the run is in: what is assigned in one inside of it would end before the run does."""
        self._trace = get_opaque_trace_state()

    @abstractmethod
    def start(self, spec: VariableSpec, initial: InitialValue) -> Any:
        """Return the value with which a variable starts."""

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Make the cell of a variable of this run."""
        value = self.made[spec.name] = self.start(spec, initial)
        if spec.trainable:
            self.trainable.add(spec.name)
        return JaxCell(value)

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Give the variable another array for the rest of the run."""
        if get_opaque_trace_state() != self._trace:
            raise BackendError(
                f"{spec.name} is assigned inside of a function that JAX traces (by scan, cond, jit, grad, vmap, "
                "checkpoint, …): its value would end with that trace",
                hint="return the new value from that function and assign it outside, or make a transform of that "
                "function and carry its state",
            )
        self._arrays.assign(spec, cell, value)

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Give the variable another array for the rest of the run."""
        change = to_jax(delta, spec)
        with precise(spec.dtype):
            self.assign(spec, cell, cell.value + change if sign > 0 else cell.value - change)

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the value, unless it is being traced."""
        return self._arrays.numpy(spec, cell)

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Do nothing: what the run made is taken from `made`."""


@final
class _FreshBackend(_RunBackend):
    """Variables that start with their initial values."""

    def start(self, spec: VariableSpec, initial: InitialValue) -> Any:
        """Return the initial value."""
        return self._arrays.create(spec, initial).value


@final
class _GivenBackend(_RunBackend):
    """Variables that start with the arguments of `apply`; their initial values are not asked for."""

    def __init__(self, params: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        super().__init__()
        self._given = {True: params, False: state}

    def start(self, spec: VariableSpec, initial: InitialValue) -> Any:
        """Return the argument."""
        which = "params" if spec.trainable else "state"
        value, from_params = self._find(spec)
        if value is None:
            raise InvalidArgumentError(
                f"{which} has no value for the variable {spec.name!r}",
                hint="call init with arguments that take the function the same way",
            )
        if spec.shape is not None and np.shape(value) != spec.shape:
            raise InvalidArgumentError(
                f"{which} has shape {np.shape(value)} for the variable {spec.name!r} of shape {spec.shape}",
                hint="call init with arguments of the shapes that apply is called with",
            )
        # Frozen in this run (by a getter that was switched on since init): no gradient, and still among params.
        return jax.lax.stop_gradient(value) if from_params and not spec.trainable else value

    def _find(self, spec: VariableSpec) -> tuple[Any, bool]:
        for from_params in (spec.trainable, not spec.trainable):
            try:
                return find(self._given[from_params], spec.name), from_params
            except (KeyError, TypeError):
                continue
        return None, False


def _check_mapping(what: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidTypeError(
            f"{what} is a nested dict as init returns it, not {type(value).__name__}",
            hint="apply(params, state, *args)",
        )


def _store(backend: Backend, seed: int = 0) -> tmplcore.VariableStore:
    # A getter of the whole program (from its configuration, say) is for these variables too.
    getter = tmplcore.get_default_store().custom_getter
    return tmplcore.VariableStore(backend, seed=seed, custom_getter=getter, find_or_create=True)


def _run(store: Any, function: Any, args: Any, kwargs: Any, collect: Callable[[], None]) -> Any:
    """Call the function in a new store, look at the store, and undo what the call did to templates."""
    store.backend.begin()
    with _running, store.as_default():
        outer = current_frame()
        journal = Journal()
        CURRENT.set(outer.with_journal(journal))
        try:
            out = function(*args, **kwargs)
            collect()
            return out
        finally:
            CURRENT.set(outer)
            journal.rollback()


def _seed(seed: Any) -> int:
    try:
        return operator.index(seed)
    except (TypeError, jax.errors.JAXTypeError) as error:
        raise InvalidTypeError(
            f"the seed is a Python int, not {type(seed).__name__}",
            hint="init runs on the host: call it outside of jit, with a number",
        ) from error


def _refuse_tracers(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, jax.core.Tracer):
            raise InvalidArgumentError(
                f"the initial value of {name!r} depends on the arguments, which have shapes only",
                hint="call init with arrays",
            )
