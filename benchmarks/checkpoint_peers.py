"""What `checkpoints.py` compares: four models, and every way to keep their variables in files."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

Arrays = dict[str, np.ndarray]


def workload(kind: str) -> Arrays:
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32)

    if kind == "a":
        return {f"layer_{n}/kernel": array(4096, 4096) for n in range(16)}
    if kind == "b":  # GPT-2 small, with the two moments of Adam for some of it: 400 variables
        out = {"wte": array(50257, 768), "wpe": array(1024, 768)}
        for n in range(12):
            for name, shape in (
                ("attn/c_attn", (768, 2304)),
                ("attn/c_proj", (768, 768)),
                ("mlp/c_fc", (768, 3072)),
                ("mlp/c_proj", (3072, 768)),
            ):
                out[f"h{n}/{name}/w"] = array(*shape)
                out[f"h{n}/{name}/b"] = array(shape[1])
            for name in ("ln_1/g", "ln_1/b", "ln_2/g", "ln_2/b"):
                out[f"h{n}/{name}"] = array(768)
        n = 0
        while len(out) < 400:
            out[f"extra_{n}"] = array(768)
            n += 1
        return out
    if kind == "c":
        return {f"net/layer_{n // 100}/block_{n // 10 % 10}/v{n % 10}": array(64) for n in range(100_000)}
    return {f"layer_{n // 10}/v{n % 10}": array(256) for n in range(10_000)}


class Peer(ABC):
    """One way to keep variables in files. It may have `list` and `load`, which are given the path."""

    cheap = True  # worth running on 100,000 variables

    def path(self, directory: Path) -> Path:
        return directory / "checkpoint"

    def prepare(self, arrays: Arrays) -> Any:
        """What `save` is given, made before the clock runs."""
        return arrays

    @abstractmethod
    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        """Write a file, or a directory, at a path where nothing is or what the last save wrote."""

    def finish(self, path: Path, durable: bool) -> None:
        if durable:
            for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
                fd = os.open(file, os.O_RDONLY)
                os.fsync(fd)
                os.close(fd)


class Raw(Peer):
    def prepare(self, arrays: Arrays) -> Any:
        small = max(a.nbytes for a in arrays.values()) < 1 << 20
        return [b"".join(arrays.values())] if small else list(arrays.values())

    def save(self, path: Path, arrays: Any, durable: bool) -> None:
        fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR)
        at = 0
        for blob in arrays:
            at += os.pwrite(fd, blob, at)
        if durable:
            os.fsync(fd)
        os.close(fd)

    def load(self, path: Path) -> Any:
        fd = os.open(path, os.O_RDONLY)
        size = os.fstat(fd).st_size
        out = np.empty(size, np.uint8)
        done = 0
        while done < size:
            done += os.preadv(fd, [out[done:]], done)
        os.close(fd)
        return out


class Ours(Peer):
    def __init__(self) -> None:
        from tmpl_hdf5.native.format import NativeFormat

        self.format = NativeFormat()

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        from tmplcore.checkpoint.format import Metadata, WriteOptions

        path.unlink(missing_ok=True)
        self.format.write(path, arrays, Metadata(step=1), WriteOptions(durable=durable))

    def list(self, path: Path) -> Any:
        with self.format.open(path) as reader:
            return [(k, v.shape, v.dtype) for k, v in reader.items()]

    def load(self, path: Path) -> Any:
        with self.format.open(path) as reader:
            return reader.read()

    def into(self, path: Path, arrays: Arrays) -> None:
        with self.format.open(path) as reader:
            reader.read_into(arrays)

    def verified(self, path: Path, arrays: Arrays) -> None:
        with self.format.open(path) as reader:
            reader.read_into(arrays, verify=True)

    def mapped(self, path: Path) -> Any:
        with self.format.open(path) as reader:
            return reader.read(mapped=True)


class Floor(Peer):
    """Each array looked at once, gathered and hashed while it is in the cache; as many bytes written; no format."""

    step = 4000

    def prepare(self, arrays: Arrays) -> Any:
        values = list(arrays.values())
        self.names, self.dtypes = list(arrays), [value.dtype for value in values]
        self.flat = all(value.ndim == 1 for value in values)
        self.shapes = [len(value) if self.flat else value.shape for value in values]
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "checkpoint"
            Ours().save(path, arrays, False)
            self.size = path.stat().st_size
        self.more = bytes(self.size - sum(value.nbytes for value in values))
        return arrays

    def looked_at(self, arrays: Arrays) -> Iterator[list[np.ndarray]]:
        assert list(arrays) == self.names
        everything = list(arrays.values())
        for start in range(0, len(everything), self.step):
            values = everything[start : start + self.step]
            assert list(map(type, values)).count(np.ndarray) == len(values)
            assert list(map(attrgetter("dtype"), values)) == self.dtypes[start : start + self.step]
            if self.flat:  # half of the time that tuples take
                assert list(map(attrgetter("ndim"), values)).count(1) == len(values)
                assert list(map(len, values)) == self.shapes[start : start + self.step]
            else:
                assert list(map(attrgetter("shape"), values)) == self.shapes[start : start + self.step]
            yield values

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, self.size)
        at = os.pwrite(fd, self.more, 0)
        for values in self.looked_at(arrays):
            for data in [b"".join(values)] if self.flat else values:
                at += os.pwrite(fd, data, at)
            np.fromiter(map(xxhash.xxh3_64_intdigest, values), np.uint64, len(values))
        if durable:
            os.fsync(fd)
        os.close(fd)

    def into(self, path: Path, arrays: Arrays) -> None:
        fd = os.open(path, os.O_RDONLY)
        at = len(self.more)
        for values in self.looked_at(arrays):
            assert all(map(attrgetter("flags.carray"), values))
            for start in range(0, len(values), 1000):
                at += os.preadv(fd, values[start : start + 1000], at)
        os.close(fd)


class Store(Peer):
    def path(self, directory: Path) -> Path:
        from tmplcore.checkpoint import CheckpointManager

        self.managers = {durable: CheckpointManager(directory, durable=durable) for durable in (False, True)}
        return self.managers[False].path(1)

    def prepare(self, arrays: Arrays) -> Any:
        import tmplcore

        store = tmplcore.VariableStore(seed=0)
        with store.as_default():
            for name, value in arrays.items():
                initializer = tmplcore.initializers.Zeros()
                tmplcore.get_variable(name, value.shape, value.dtype, initializer=initializer).assign(value)
        return store

    def save(self, path: Path, arrays: Any, durable: bool) -> None:
        self.managers[durable].save(1, arrays)


class Safetensors(Peer):
    def __init__(self) -> None:
        import safetensors.numpy

        self.module = safetensors

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        self.module.numpy.save_file(arrays, path)
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        with self.module.safe_open(path, "np") as file:
            slices = [(k, file.get_slice(k)) for k in file.keys()]  # noqa: SIM118
            return [(k, s.get_shape(), s.get_dtype()) for k, s in slices]

    def load(self, path: Path) -> Any:
        return self.module.numpy.load_file(path)


class Npz(Peer):
    def path(self, directory: Path) -> Path:
        return directory / "checkpoint.npz"

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        np.savez(path, **arrays)
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        with np.load(path) as file:
            return [(k, file[k].shape) for k in file]

    def load(self, path: Path) -> Any:
        with np.load(path) as file:
            return {k: file[k] for k in file}


class H5Naive(Peer):
    cheap = False

    def __init__(self) -> None:
        import h5py

        self.h5py = h5py

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        with self.h5py.File(path, "w") as file:
            for name, value in arrays.items():
                file.create_dataset(name, data=value)
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        out: Any = []
        with self.h5py.File(path) as file:
            file.visititems(lambda k, v: out.append((k, v.shape)) if hasattr(v, "shape") else None)
        return out

    def load(self, path: Path) -> Any:
        out: Arrays = {}
        with self.h5py.File(path) as file:
            file.visititems(lambda k, v: out.__setitem__(k, v[()]) if hasattr(v, "shape") else None)
        return out


class H5Tuned(H5Naive):
    """Through the low level: group ids kept, no properties made twice, early allocation, no fill."""

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        from h5py import h5d, h5g, h5p, h5s, h5t

        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        creation.set_fill_time(h5d.FILL_TIME_NEVER)
        with self.h5py.File(path, "w") as file:
            groups = {"": file.id}

            def group(scope: str) -> Any:
                if scope not in groups:
                    outer, _, leaf = scope.rpartition("/")
                    groups[scope] = h5g.create(group(outer), leaf.encode())
                return groups[scope]

            spaces: Any = {}
            types: Any = {}
            for name, value in arrays.items():
                scope, _, leaf = name.rpartition("/")
                space = spaces.get(value.shape) or spaces.setdefault(value.shape, h5s.create_simple(value.shape))
                kind = types.get(value.dtype) or types.setdefault(value.dtype, h5t.py_create(value.dtype))
                h5d.create(group(scope), leaf.encode(), kind, space, creation).write(h5s.ALL, h5s.ALL, value)
        self.finish(path, durable)


class Torch(Peer):
    def __init__(self) -> None:
        import torch

        self.torch = torch

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        self.torch.save({k: self.torch.from_numpy(v) for k, v in arrays.items()}, path)
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        return [(k, v.shape) for k, v in self.torch.load(path, mmap=True).items()]

    def load(self, path: Path) -> Any:
        return self.torch.load(path)


class TorchMapped(Torch):
    def load(self, path: Path) -> Any:
        return self.torch.load(path, mmap=True)


class Dcp(Peer):
    cheap = False

    def __init__(self) -> None:
        import torch
        import torch.distributed.checkpoint as dcp

        self.torch, self.dcp = torch, dcp

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        shutil.rmtree(path, ignore_errors=True)
        self.dcp.save({k: self.torch.from_numpy(v) for k, v in arrays.items()}, checkpoint_id=path, no_dist=True)

    def list(self, path: Path) -> Any:
        meta = self.dcp.FileSystemReader(path).read_metadata()
        return [(k, v.size) for k, v in meta.state_dict_metadata.items()]

    def load(self, path: Path) -> Any:
        meta = self.dcp.FileSystemReader(path).read_metadata().state_dict_metadata
        state = {k: self.torch.empty(v.size) for k, v in meta.items()}
        self.dcp.load(state, checkpoint_id=path, no_dist=True)
        return state


class Orbax(Peer):
    cheap = False

    def __init__(self) -> None:
        import orbax.checkpoint as ocp

        self.checkpointer = ocp.StandardCheckpointer()

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        shutil.rmtree(path, ignore_errors=True)
        self.checkpointer.save(path, arrays)
        self.checkpointer.wait_until_finished()

    def load(self, path: Path) -> Any:
        return self.checkpointer.restore(path)


class TensorFlow(Peer):
    def __init__(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

        self.tf = tf

    def path(self, directory: Path) -> Path:
        (directory / "tf").mkdir(exist_ok=True)
        return directory / "tf"

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        names = list(arrays)
        self.tf.raw_ops.SaveV2(
            prefix=str(path / "model"),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=list(arrays.values()),
        )
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        return self.tf.train.list_variables(str(path / "model"))

    def load(self, path: Path) -> Any:
        reader = self.tf.train.load_checkpoint(str(path / "model"))
        return {k: reader.get_tensor(k) for k in reader.get_variable_to_shape_map()}


class Zarr(Peer):
    cheap = False

    def __init__(self) -> None:
        import zarr

        self.zarr = zarr

    def save(self, path: Path, arrays: Arrays, durable: bool) -> None:
        shutil.rmtree(path, ignore_errors=True)
        group = self.zarr.open_group(path, mode="w", zarr_format=3)
        for name, value in arrays.items():
            group.create_array(name, data=value, compressors=None)
        self.finish(path, durable)

    def list(self, path: Path) -> Any:
        members = self.zarr.open_group(path, mode="r").members(max_depth=None)
        return [(k, v.shape) for k, v in members if hasattr(v, "shape")]

    def load(self, path: Path) -> Any:
        members = self.zarr.open_group(path, mode="r").members(max_depth=None)
        return {k: v[...] for k, v in members if hasattr(v, "shape")}


PEERS: dict[str, Callable[[], Peer]] = {
    "raw": Raw,
    "floor": Floor,
    "ours": Ours,
    "store": Store,
    "safetensors": Safetensors,
    "npz": Npz,
    "torch": Torch,
    "torch-mmap": TorchMapped,
    "dcp": Dcp,
    "orbax": Orbax,
    "tensorflow": TensorFlow,
    "zarr": Zarr,
    "h5py": H5Naive,
    "h5py-tuned": H5Tuned,
}
