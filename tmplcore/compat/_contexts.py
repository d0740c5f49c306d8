"""Where TensorFlow makes ops, and after what. Here each line runs where and when it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["colocate_with", "container", "control_dependencies", "device", "init_scope"]


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Do nothing: what was written first has run first."""
    yield


@contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Do nothing: where values are, the backend decides."""
    yield


@contextmanager
def colocate_with(op: Any, ignore_existing: bool = False) -> Iterator[None]:
    """Do nothing: where values are, the backend decides."""
    yield


@contextmanager
def container(container_name: str) -> Iterator[None]:
    """Do nothing: there are no containers of resources."""
    yield


@contextmanager
def init_scope() -> Iterator[None]:
    """Do nothing: there is no graph of a function to be left."""
    yield
