"""safetensors as a checkpoint format. Nothing is executed, one header is read, every tensor is read by position."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from tmpl_safetensors.header import DTYPES, Header, Tensor, encode, read_header
from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.checkpoint.output import byte_blocks, new_file
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import SaveError, UnreadableError, VariableMissingError

__all__ = ["SafetensorsFormat", "SafetensorsReader"]

# Our own metadata, as JSON, under this key of `__metadata__`, whose values can only be texts.
_KEY = "tmplcore"


@final
class UnsupportedVariable(LazyVariable):
    """A tensor of a type that NumPy has no array for: it is listed, but cannot be read."""

    __slots__ = ("_tensor", "dtype", "name", "shape")

    def __init__(self, name: str, tensor: Tensor) -> None:
        self.name = name
        self.shape = tensor.shape
        self.dtype = np.dtype(object)
        self._tensor = tensor

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self._tensor.stop - self._tensor.start

    def __getitem__(self, index: Any) -> np.ndarray:
        raise UnreadableError(
            f"{self.name!r} cannot be read: its type {self._tensor.dtype} is not supported here",
            hint="leave it out (--exclude)",
        )

    def read_into(self, out: np.ndarray) -> None:
        """Refuse."""
        self[...]


@final
class SafetensorsReader(Reader):
    """An open safetensors file; its header has been read and checked whole."""

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = InputFile(path)
        try:
            self._header: Header = read_header(self._file)
        except BaseException:
            self._file.close()
            raise
        self._own = _own_metadata(self._header.metadata)
        frozen = self._own.get("frozen")
        self._frozen = frozenset(frozen) if isinstance(frozen, list) and all(map(_is_text, frozen)) else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._header.tensors)

    def __len__(self) -> int:
        return len(self._header.tensors)

    def __getitem__(self, name: str) -> LazyVariable:
        tensor = self._header.tensors.get(name)
        if tensor is None:
            raise VariableMissingError(f"{self.path}: has no variable {name!r}", hint="tmplctl show lists them")
        if tensor.dtype not in DTYPES:
            return UnsupportedVariable(name, tensor)
        trainable = None if self._frozen is None else name not in self._frozen
        return StoredArray(
            name, tensor.shape, DTYPES[tensor.dtype], self._file, tensor.start, swapped=_BIG, trainable=trainable
        )

    @property
    def meta(self) -> Metadata:
        """What `__metadata__` says; what others than us wrote there is the user's."""
        user = {key: value for key, value in self._header.metadata.items() if key != _KEY}
        return Metadata.from_json({"user": user, **self._own})

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


@final
class SafetensorsFormat(Format):
    """The safetensors format."""

    name: ClassVar[str] = "safetensors"
    suffixes: ClassVar[tuple[str, ...]] = (".safetensors",)
    writable: ClassVar[bool] = True

    def open(self, path: Path) -> SafetensorsReader:
        """Open a file; its header is read and checked."""
        return SafetensorsReader(path)

    def write(
        self,
        path: Path,
        variables: Mapping[str, np.ndarray | LazyVariable],
        meta: Metadata,
        options: WriteOptions = WriteOptions(),
    ) -> None:
        """Write a file: the header is made of shapes alone, then every value is written from where it is.

        Raises:
            SaveError: A name or a dtype cannot be stored as safetensors, or compression is asked for.
        """
        if options.compression:
            raise SaveError(
                "safetensors files are never compressed", hint="leave compression out, or write .h5 or .npz"
            )
        # Wide types first keep every tensor aligned, as the format recommends; the header keeps the order of saving.
        layout = sorted(variables, key=lambda name: -variables[name].dtype.itemsize)
        tensors: dict[str, Tensor] = {}
        end = 0
        for name in layout:
            dtype, value = _dtype_name(name, variables[name].dtype), variables[name]
            tensors[name] = Tensor(dtype, tuple(map(int, value.shape)), end, end + value.nbytes)
            end += value.nbytes
        header = encode({name: tensors[name] for name in variables}, _metadata(variables, meta, options))
        with new_file(path, durable=options.durable) as file:
            file.write(header)
            for name in layout:
                for block in byte_blocks(variables[name]):
                    file.write(block)
                    if options.progress is not None:
                        options.progress(len(block))


_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_BIG = not np.dtype("<i4").isnative


def _dtype_name(name: str, dtype: np.dtype[Any]) -> str:
    if name == "__metadata__":
        raise SaveError("a variable cannot be called '__metadata__' in safetensors", hint="rename it")
    native = dtype.newbyteorder("=") if dtype.kind in "iufc" else dtype
    if native not in _NAMES:
        raise SaveError(
            f"{name}: safetensors cannot store {'text' if dtype.hasobject or dtype.kind in 'SU' else dtype}",
            hint=f"leave it out (--exclude {name}), cast it, or write another format (.h5)",
        )
    return _NAMES[native]


def _own_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        own = json.loads(metadata.get(_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return own if isinstance(own, dict) else {}


def _metadata(
    variables: Mapping[str, np.ndarray | LazyVariable], meta: Metadata, options: WriteOptions
) -> dict[str, str]:
    """Return `__metadata__`: the user's texts as they are, for other readers, and everything under our own key."""
    own: dict[str, Any] = meta.to_json()
    if options.trainable is not None:
        own["frozen"] = [name for name in variables if name not in options.trainable]
    texts = {key: value for key, value in meta.user.items() if isinstance(value, str)}
    return {**texts, **({_KEY: json.dumps(own, ensure_ascii=False)} if own else {})}


def _is_text(value: object) -> bool:
    return isinstance(value, str)
