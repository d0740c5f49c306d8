"""Every error that tmplcore raises on purpose.

    TmplError
    ├── InvalidNameError (ValueError)            a name that no scope or variable may have
    ├── InvalidArgumentError (ValueError)        an argument whose value is wrong
    ├── InvalidTypeError (TypeError)             an argument whose type is wrong
    ├── VariableExistsError (ValueError)         created twice
    ├── VariableNotFoundError (ValueError)       reused before it was created
    ├── VariableMismatchError (ValueError)       shared under another shape or dtype
    ├── InitializerError (ValueError)            the initializer, shape and dtype do not go together
    ├── PartitionError (ValueError)              a partitioner's answer, or a clash with the partitions there are
    ├── NestingError (RuntimeError)              scopes left in another order than they were entered
    ├── StoreNestingError (AssertionError)       stores left in another order, or reset while one is entered
    ├── NotEnteredError (AttributeError)         a scope is left that was never entered
    ├── CreatorError (AttributeError)            a variable creator returned something that is no variable
    ├── NothingCreatedError (NotImplementedError)  a variable creator returned nothing
    ├── TrainableCreatedError (ValueError)       a template made a trainable variable after its first call
    ├── GraphMismatchError (ValueError)          values of two graphs in one place
    ├── FinalizedError (RuntimeError)            something is to be added to a graph that was finalized
    ├── OperationNotFoundError (KeyError)        no op or tensor of that name is in the graph
    ├── BackendError (RuntimeError)              a backend cannot do what was asked
    │   └── StorageLockedError (RuntimeError)    another process has the storage
    ├── PluginError (RuntimeError)
    │   ├── PluginNotFoundError (LookupError)    nothing of that name is installed
    │   ├── PluginConflictError                  two distributions claim one name
    │   ├── PluginFailedError                    the plugin is there but could not be imported
    │   └── MissingExtraError                    the plugin needs a package that is not installed
    ├── ConfigError (ValueError)                 a wrong key or value in the configuration
    └── CheckpointError (RuntimeError)
        ├── CheckpointNotFoundError (LookupError)  no such checkpoint
        ├── UnreadableError                      not a checkpoint in any known format
        │   ├── DamagedError                     a checkpoint whose bytes are not what was written
        │   ├── LaterVersionError                a later version wrote it, with something unknown here
        │   └── UntrustedError                   a file that asks for something no checkpoint needs
        ├── VariableMissingError (LookupError)   the checkpoint has no variable of that name
        ├── RestoreError                         the plan does not hold: missing, unexpected or mismatched variables
        ├── SaveError                            what was given cannot be saved
        ├── ExistsError                          the target is there already
        ├── ProtectedError                       a tag or another checkpoint needs what was to be deleted
        └── LockedError                          another process holds the directory

Each class also inherits the builtin that TensorFlow 1 (or Python) raises in that place, so that code
written for it still catches it. Messages keep TensorFlow's key words, because people search for them.
What to do about an error is in its `hint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "BackendError",
    "CheckpointError",
    "CheckpointNotFoundError",
    "ConfigError",
    "CreatorError",
    "DamagedError",
    "ExistsError",
    "FinalizedError",
    "GraphMismatchError",
    "InitializerError",
    "InvalidArgumentError",
    "InvalidNameError",
    "InvalidTypeError",
    "LaterVersionError",
    "LockedError",
    "MissingExtraError",
    "NestingError",
    "NotEnteredError",
    "NothingCreatedError",
    "OperationNotFoundError",
    "PartitionError",
    "PluginConflictError",
    "PluginError",
    "PluginFailedError",
    "PluginNotFoundError",
    "ProtectedError",
    "RestoreError",
    "SaveError",
    "StorageLockedError",
    "StoreNestingError",
    "TmplError",
    "TrainableCreatedError",
    "UnreadableError",
    "UntrustedError",
    "VariableExistsError",
    "VariableMismatchError",
    "VariableMissingError",
    "VariableNotFoundError",
]


class TmplError(Exception):
    """The root of all errors of tmplcore.

    Args:
        message: What went wrong, and where.
        hint: What to do about it; something to type or paste where that is possible.

    Example:
        >>> error = TmplError("no scope is open", hint="open one: with variable_scope('model'):")
        >>> str(error)
        'no scope is open'
        >>> error.hint
        "open one: with variable_scope('model'):"
    """

    hint: str

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self.args, {**self.__dict__})


class InvalidNameError(TmplError, ValueError):
    """A name that no scope or variable may have."""


class InvalidArgumentError(TmplError, ValueError):
    """An argument whose value is wrong."""


class InvalidTypeError(TmplError, TypeError):
    """An argument whose type is wrong."""


class VariableExistsError(TmplError, ValueError):
    """A variable is created that is there already, and reuse is off."""


class VariableNotFoundError(TmplError, ValueError):
    """A variable is reused that was never created by `get_variable`."""


class VariableMismatchError(TmplError, ValueError):
    """A variable is shared under another shape or dtype than it has."""


class InitializerError(TmplError, ValueError):
    """The initializer, the shape and the dtype do not go together."""


class PartitionError(TmplError, ValueError):
    """A partitioner answered something unusable, or its answer clashes with the partitions there are."""


class NestingError(TmplError, RuntimeError):
    """Scopes were left in another order than they were entered."""


class StoreNestingError(TmplError, AssertionError):
    """Stores were left in another order than they were entered, or the default one was reset inside another."""


class NotEnteredError(TmplError, AttributeError):
    """A scope is left that was never entered."""


class CreatorError(TmplError, AttributeError):
    """A variable creator returned something that is no variable, where `get_variable` needs one."""


class NothingCreatedError(TmplError, NotImplementedError):
    """A variable creator returned nothing."""


class TrainableCreatedError(TmplError, ValueError):
    """A template made a trainable variable after its first call."""


class GraphMismatchError(TmplError, ValueError):
    """Values of two graphs were given in one place."""


class FinalizedError(TmplError, RuntimeError):
    """A variable, op or item is to be added to a graph that was finalized."""


class OperationNotFoundError(TmplError, KeyError):
    """No op or tensor of that name is in the graph."""

    __str__ = Exception.__str__  # a KeyError would show the message in quotes


class BackendError(TmplError, RuntimeError):
    """A backend cannot do what was asked of it."""


class StorageLockedError(BackendError):
    """Another process has the storage that a backend was to open."""


class PluginError(TmplError, RuntimeError):
    """Something about a plugin is wrong."""


class PluginNotFoundError(PluginError, LookupError):
    """No installed plugin offers something of that name."""


class PluginConflictError(PluginError):
    """Two distributions claim one plugin name."""


class PluginFailedError(PluginError):
    """A plugin is installed but could not be imported."""


class MissingExtraError(PluginError):
    """A plugin needs a package that is not installed; the hint has the pip command."""


class ConfigError(TmplError, ValueError):
    """A wrong key or value in the configuration.

    Attributes:
        problems: All that is wrong (`tmplcore.config.Problem`), where there is more than one message's worth.
    """

    def __init__(self, message: str = "", *, hint: str = "", problems: tuple[Any, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class CheckpointError(TmplError, RuntimeError):
    """Something about a checkpoint is wrong."""


class CheckpointNotFoundError(CheckpointError, LookupError):
    """There is no such checkpoint."""


class UnreadableError(CheckpointError):
    """A file is not a checkpoint in any format that is known here."""


class DamagedError(UnreadableError):
    """A checkpoint's bytes are not what was written.

    Attributes:
        damage: What is damaged, as `tmplcore.checkpoint.format.Damage`, where it is known by the piece.
        overwritten: The names of target arrays that a failed read may have changed already.
    """

    damage: Sequence[Any]
    overwritten: Sequence[str]

    def __init__(
        self, message: str = "", *, hint: str = "", damage: Sequence[Any] = (), overwritten: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.damage = tuple(damage)
        self.overwritten = tuple(overwritten)


class LaterVersionError(UnreadableError):
    """A checkpoint was written by a later version, with something in it that this one does not know."""


class UntrustedError(UnreadableError):
    """A file asks for something that no checkpoint needs, such as reading another file."""


class VariableMissingError(CheckpointError, LookupError):
    """A checkpoint has no variable of that name."""


class RestoreError(CheckpointError):
    """A restore was refused: variables are missing, unexpected or mismatched."""


class SaveError(CheckpointError):
    """What was given to be saved cannot be saved."""


class ExistsError(CheckpointError):
    """The target is there already and was not named to be replaced."""


class ProtectedError(CheckpointError):
    """A checkpoint was to be deleted that a tag or another checkpoint needs."""


class LockedError(CheckpointError):
    """Another process holds the checkpoint directory."""
