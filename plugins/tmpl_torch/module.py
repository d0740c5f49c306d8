"""A template as a `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import torch
from torch import nn

import tmplcore
from tmpl_torch.backend import TorchBackend, TorchCell, move
from tmplcore.errors import BackendError, InvalidArgumentError, InvalidTypeError

if TYPE_CHECKING:
    from tmplcore import Template, Variable, VariableStore

__all__ = ["TemplateModule", "as_module"]


class ScopeModule(nn.Module):
    """One scope: a node in the tree of modules that gives variables their dotted names.

    Its variables stay what they are for the template: whatever puts another tensor into the module (`to`,
    `load_state_dict(assign=True)`) puts it into the variable too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._variables: dict[str, Variable] = {}

    def hold(self, leaf: str, variable: Variable) -> None:
        """Register a variable's tensor as a parameter or a buffer.

        The dictionaries are written to because `register_parameter` refuses what variables may have: a scope of the
        same name (`kernel` beside `kernel/lora_A`), or the name of a method.
        """
        tensor = variable.value
        self._variables[leaf] = variable
        if isinstance(tensor, nn.Parameter):
            self._parameters[leaf] = tensor
        else:
            self._buffers[leaf] = tensor

    def child(self, name: str) -> ScopeModule:
        """Return the node of a scope in this one."""
        found = self._modules.get(name)
        if not isinstance(found, ScopeModule):
            found = self._modules[name] = ScopeModule()
        return found

    def held(self) -> Iterable[tuple[Variable, dict[str, Any], str]]:
        """Yield each variable below this node, and where its tensor is."""
        for leaf, variable in self._variables.items():
            yield variable, self._parameters if leaf in self._parameters else self._buffers, leaf
        for node in self._modules.values():
            if isinstance(node, ScopeModule):
                yield from node.held()

    def extra_repr(self) -> str:
        """Return the variables of this scope, for `repr`."""
        lines = [
            f"({leaf}): {list(variable.value.shape)} {variable.dtype.name}"
            for leaf, variable in self._variables.items()
        ]
        return "\n".join(lines)

    def _adopt(self) -> None:
        for variable, tensors, leaf in self.held():
            variable._cell.value = tensors[leaf]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        for variable, tensors, leaf in self.held():
            kind = fn(torch.empty(0, dtype=tensors[leaf].dtype, device="cpu")).dtype
            if kind != tensors[leaf].dtype:
                raise BackendError(
                    f"variable {variable.name} has dtype {variable.dtype.name} and cannot become {kind}",
                    hint="the type of a variable belongs to its checkpoint; to compute in another one, "
                    "use the getter Cast, or make the variables with dtype=",
                )
        result = super()._apply(fn, recurse)
        self._adopt()
        return result

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        for leaf, variable in self._variables.items():
            variable._cell.value = (self._parameters if leaf in self._parameters else self._buffers)[leaf]


@final
class TemplateModule(ScopeModule):
    """What `as_module` returns: a module whose `forward` is a call of the template.

    Attributes:
        template: The template.
        store: The store that its variables are in.
    """

    def __init__(self, template: Template, store: VariableStore) -> None:
        if not isinstance(template, tmplcore.Template):
            raise InvalidTypeError(
                f"{template!r} is not a template", hint='make one of it: make_template("name", function)'
            )
        super().__init__()
        # In a tuple, or torch would take a template that is a module for a submodule.
        self._of = (template, store)
        self._flat: list[tuple[Variable, dict[str, Any], str]] = []
        # Dynamo puts one call of it into its graph and leaves what is inside, scopes and all, to the compiler behind,
        # which runs it as it is on the graph's inputs: it never sees a ContextVar.
        self._traced = torch._dynamo.nonstrict_trace(self._run)
        self._eager = torch._dynamo.disable(self._run)
        self._first = torch._dynamo.disable(
            self._call_first, reason="the template was not called yet: call module.build(example) before compiling"
        )
        self._built = False
        self.register_load_state_dict_pre_hook(_must_be_built)
        self.refresh()

    @property
    def template(self) -> Template:
        """The template."""
        return self._of[0]

    @property
    def store(self) -> VariableStore:
        """The store that its variables are in."""
        return self._of[1]

    @property
    def variables(self) -> list[Variable]:
        """The variables that the module holds."""
        return [variable for variable, _, _ in self._flat]

    def refresh(self) -> None:
        """Take in variables that the template has made since; `build` and a first call do it by themselves."""
        held = {variable for variable, _, _ in self.held()}
        with self.store.as_default():
            variables = self.template.variables
        for variable in variables:
            if variable not in held:
                self._hold(variable)
        self._flat = list(self.held())
        self._built = self._built or bool(self._flat)

    def _hold(self, variable: Variable) -> None:
        if not isinstance(variable._cell, TorchCell):
            raise InvalidTypeError(
                f"variable {variable.name} is on the {variable.backend.name} backend, not on torch",
                hint='make the store with VariableStore("torch")',
            )
        *path, leaf = variable.op.name.replace("/", ".").split(".")
        node: ScopeModule = self
        for part in path:
            node = node.child(part)
        if leaf in node._variables:
            raise InvalidArgumentError(
                f"variables {node._variables[leaf].name} and {variable.name} have one key in the state dict",
                hint="do not have names that differ in . and / alone",
            )
        node.hold(leaf, variable)

    def build(self, *args: Any, **kwargs: Any) -> TemplateModule:
        """Make the variables by calling the template on example inputs, whose result is thrown away.

        In a store whose backend has `device="meta"` nothing is computed and nothing allocated (the inputs must be on
        `meta` too); `materialize` then gives the variables their initial values.

        Returns:
            This module.
        """
        with torch.no_grad():
            self._call_first(args, kwargs)
        return self

    def materialize(self, device: str | torch.device = "cpu") -> TemplateModule:
        """Give variables on the `meta` device their initial values, on another device.

        Returns:
            This module.
        """
        for variable, tensors, leaf in self._flat:
            move(variable._cell, torch.device(device))
            tensors[leaf] = variable.value
        if isinstance(self.store.backend, TorchBackend):
            self.store.backend.device = torch.device(device)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the template in its store."""
        if not self._built:
            return self._first(args, kwargs)
        try:
            tensors = [tensors[leaf] for _, tensors, leaf in self._flat]
        except KeyError as error:
            raise BackendError(
                f"the parameter or buffer {error} of this module was taken away from the template",
                hint="torch's parametrizations and pruning replace parameters; a getter does that for a template",
            ) from error
        if torch.compiler.is_dynamo_compiling():
            return self._traced(tensors, args, kwargs)
        return self._eager(tensors, args, kwargs)

    def _call_first(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self.store.as_default():
            result = self.template(*args, **kwargs)
        self._built = True
        self.refresh()
        return result

    def _run(self, tensors: Sequence[torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        # torch.func.functional_call and compilers put other tensors into the module for the length of a call.
        others = {
            variable: TorchCell(tensor)
            for (variable, _, _), tensor in zip(self._flat, tensors, strict=True)
            if tensor is not variable._cell.value
        }
        store = self.store.with_cells(others) if others else self.store
        with store.as_default():
            return self.template(*args, **kwargs)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a module of a template is not pickled, as its template is a function; save its values: "
            "torch.save(module.state_dict(), path) or tmplcore.checkpoint.save(path, module)"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> TemplateModule:
        """Return a module of the same template with variables of its own, in a store of its own."""
        cells = {variable: TorchCell(_copied(tensors[leaf])) for variable, tensors, leaf in self._flat}
        other = memo[id(self)] = TemplateModule(self.template, self.store.with_cells(cells))
        other.train(self.training)
        return other


def _must_be_built(module: nn.Module, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
    assert isinstance(module, TemplateModule)
    if not module._built and any(key.startswith(prefix) for key in state):
        *_, errors = rest
        errors.append("the template has no variables yet: call module.build(example) before load_state_dict")


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.detach().clone()
    return nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy


def as_module(template: Template, *, store: VariableStore | None = None) -> TemplateModule:
    """Return a template as a `torch.nn.Module`.

    The keys of its `state_dict` are the variables' names with dots for slashes. Parameters are the trainable
    variables, buffers the others. The module and the template share the variables: training either trains both.

    `torch.compile` takes the module as one graph: the variables are looked up before the trace, as inputs of the
    graph, and Dynamo does not look into scopes.

    Args:
        template: The template; if it was not called yet, `build` or the first call makes the variables.
        store: The store of its variables, on the torch backend; the default one by default.

    Raises:
        InvalidTypeError: The variables are not torch's.

    Example:
        >>> import tmplcore
        >>> def dense(x):
        ...     return x @ tmplcore.get_variable("kernel", [x.shape[-1], 2])
        >>> net = as_module(tmplcore.make_template("net", dense), store=tmplcore.VariableStore("torch"))
        >>> net(torch.ones(3, 4)).shape
        torch.Size([3, 2])
        >>> list(net.state_dict())
        ['net.kernel']
    """
    return TemplateModule(template, tmplcore.get_default_store() if store is None else store)
