"""The smallest format that has all a format may have: hashes, aliases, and references to files of other steps.

A line `plain`, a line of JSON, then the arrays. An array that an earlier file holds, under the same name and with the
same hash, is referred to and not written again, as a later version of our own format may do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from tmplcore import hookimpl
from tmplcore.checkpoint.casting import dtype_named
from tmplcore.checkpoint.format import Damage, Format, Metadata, Reader, WriteOptions
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.descriptors import FormatPlugin
from tmplcore.errors import DamagedError, UnreadableError

MAGIC = b"plain\n"


def detect(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def digest(value: np.ndarray) -> str:
    return f"xxh3_64:{xxhash.xxh3_64_hexdigest(np.ascontiguousarray(value).tobytes())}"


class PlainReader(Reader):
    format = "plain"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inputs = {path.name: InputFile(path)}
        main = self._inputs[path.name]
        head = main.read(0, main.size)
        if not head.startswith(MAGIC):
            raise UnreadableError(f"{path}: not plain")
        try:
            line, _ = head[len(MAGIC) :].split(b"\n", 1)
            self._header = json.loads(line)
        except ValueError as error:
            raise DamagedError(f"{path}: the header is damaged: {error}") from error
        self._start = len(MAGIC) + len(line) + 1
        self._variables = {}
        for name, (shape, dtype, file, offset, stored) in self._header["variables"].items():
            if file not in self._inputs:
                self._inputs[file] = InputFile(path.parent / file)
            self._variables[name] = StoredArray(
                name, tuple(shape), dtype_named(dtype), self._inputs[file], offset + self._start, digest=stored
            )

    @property
    def meta(self) -> Metadata:
        return Metadata(**self._header["meta"])

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.path.parent / name for name in self._inputs)

    def __getitem__(self, name: str) -> StoredArray:
        return self._variables[name]

    def __iter__(self):
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        done = []
        for name, out in targets.items():
            self[name].read_into(out)
            done.append(name)
            if verify and digest(out) != self[name].digest:
                damage = Damage(name, "the content hash does not match", str(self.path))
                raise DamagedError(f"{self.path}: {name} is damaged", damage=[damage], overwritten=done)

    def verify(self, names=None, *, jobs=1, progress=None):
        for name in self if names is None else names:
            try:
                value = self[name][...]
            except DamagedError as error:
                yield Damage(name, str(error), str(self.path))
                continue
            if digest(value) != self[name].digest:
                start = self[name].offset
                yield Damage(name, "the content hash does not match", str(self.path), start, start + value.nbytes)
            if progress is not None:
                progress(value.nbytes)

    def close(self) -> None:
        for file in self._inputs.values():
            file.close()


class PlainFormat(Format):
    name = "plain"
    suffixes = (".plain",)
    writable = True

    def open(self, path: Path) -> PlainReader:
        return PlainReader(path)

    def write(
        self, path: Path, variables: Mapping[str, Any], meta: Metadata, options: WriteOptions = WriteOptions()
    ) -> None:
        arrays = {name: np.asarray(value[...]) for name, value in variables.items()}
        offset, header = 0, {}
        for name, value in arrays.items():
            header[name] = [list(value.shape), str(value.dtype), path.name, offset, digest(value)]
            offset += value.nbytes
        with path.open("wb") as file:
            line = json.dumps({"variables": header, "meta": asdict(meta)})
            # The name in the directory is not the temporary one; it is what follows the writer's prefix.
            file.write(MAGIC + line.replace(json.dumps(path.name), json.dumps(final_name(path))).encode() + b"\n")
            for value in arrays.values():
                file.write(value.tobytes())
                if options.progress is not None:
                    options.progress(value.nbytes)


def final_name(path: Path) -> str:
    return path.name.split("-", 5)[-1] if path.name.startswith(".tmp-") else path.name


class Plugin:
    @staticmethod
    @hookimpl
    def tmplcore_formats():
        return [
            FormatPlugin(
                name="plain",
                summary="for tests",
                factory="plain_format:PlainFormat",
                suffixes=PlainFormat.suffixes,
                detect="plain_format:detect",
                writable=True,
            )
        ]
