"""NumPy archives as a checkpoint format: one `.npy` member per variable, under the variable's exact name."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from tmpl_npz.header import Header, encode, read_header
from tmpl_npz.members import (
    CompressedArray,
    check_directory,
    check_growth,
    check_places,
    data_offset,
    open_member,
    read_exactly,
)
from tmpl_npz.values import note, plain, read_notes, text_nbytes, true_dtype
from tmplcore.checkpoint.format import Damage, Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.checkpoint.output import byte_blocks, new_file
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import DamagedError, SaveError, UnreadableError, VariableMissingError

__all__ = ["NpzFormat", "NpzReader"]

_SUFFIX = ".npy"
_KEY = "tmplcore"
_LONGEST_COMMENT = 0xFFFF  # of a zip archive
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time makes equal checkpoints equal files
_HEAD = 256  # bytes that hold most headers of arrays
_CHUNK = 1 << 20
_ENCRYPTED = 0x1


@final
class TextArray(LazyVariable):
    """Byte strings that lie in the file as bytes of one fixed length."""

    __slots__ = ("_nbytes", "_stored", "dtype", "name", "shape")

    def __init__(self, stored: LazyVariable, nbytes: int) -> None:
        self.name = stored.name
        self.shape = stored.shape
        self.dtype = np.dtype(object)
        self._stored = stored
        self._nbytes = nbytes

    @property
    def nbytes(self) -> int:
        """Bytes of the stored text."""
        return self._nbytes

    @property
    def trainable(self) -> bool | None:
        """What the file says."""
        return self._stored.trainable

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(self._stored[index]).astype(object)

    def read_into(self, out: np.ndarray) -> None:
        """Read all strings into an array of objects."""
        out[...] = self[...]


@final
class NpzReader(Reader):
    """An open archive. Opening reads its directory and the header of every array.

    Args:
        path: The file.
        damaged: Leave out what is damaged, or a pickle, instead of refusing the archive.
    """

    format = "npz"
    hashed = True

    def __init__(self, path: Path, *, damaged: bool = False) -> None:
        self.path = path
        self._file = InputFile(path)
        self._problems: list[Damage] = []
        try:
            check_directory(self._file)
            self._archive = _open_archive(path)
            self._variables = dict(self._read_members(damaged))
            self._own = self._read_comment()
        except BaseException:
            self.close()
            raise

    def _read_members(self, damaged: bool) -> Iterator[tuple[str, tuple[zipfile.ZipInfo, LazyVariable]]]:
        places: list[tuple[int, int, zipfile.ZipInfo]] = []
        names: set[str] = set()
        for member in self._archive.infolist():
            name = member.filename.removesuffix(_SUFFIX)
            try:
                self._check_member(member, name in names)
                start = data_offset(self._file, member)
                places.append((member.header_offset, start + member.compress_size, member))
                names.add(name)
                variable = self._variable(name, member, start)
            except UnreadableError as error:
                if not damaged:
                    raise
                self._problems.append(Damage(name, str(error), str(self.path), member.header_offset))
                continue
            yield name, (member, variable)
        check_places(self._file, places)

    def _check_member(self, member: zipfile.ZipInfo, twin: bool) -> None:
        where = f"{self.path}: {member.filename[:200]!r}"
        if not member.filename.endswith(_SUFFIX):
            raise UnreadableError(f"{where} is not an array", hint="an .npz holds .npy members and nothing else")
        if twin:
            raise DamagedError(f"{where} is in the archive twice", hint="no program writes such an archive on purpose")
        if member.flag_bits & _ENCRYPTED:
            raise UnreadableError(f"{where} is encrypted", hint="decrypt it first")
        check_growth(self._file, member)

    def _variable(self, name: str, member: zipfile.ZipInfo, start: int) -> LazyVariable:
        header = self._read_header(member, start)
        where = f"{self.path}: {member.filename!r}"
        if header.size + header.nbytes != member.file_size:
            raise DamagedError(
                f"{where} has {member.file_size - header.size} bytes, but an array {header.shape} {header.dtype} "
                f"takes {header.nbytes}",
                hint="copy or download it again",
            )
        notes = read_notes(member.extra)
        dtype = true_dtype(header.dtype, notes)
        trainable = notes.get("trainable") if isinstance(notes.get("trainable"), bool) else None
        text = dtype.hasobject
        kind = header.dtype if text else dtype
        variable: LazyVariable
        if member.compress_type == zipfile.ZIP_STORED:
            variable = StoredArray(
                name,
                header.shape,
                kind,
                self._file,
                start + header.size,
                swapped=header.swapped,
                fortran=header.fortran,
                trainable=trainable,
            )
        else:
            variable = CompressedArray(name, header, kind, self._archive, member, trainable)
        return TextArray(variable, text_nbytes(notes, variable.nbytes)) if text else variable

    def _read_header(self, member: zipfile.ZipInfo, start: int) -> Header:
        where = f"{self.path}: {member.filename!r}"
        if member.compress_type == zipfile.ZIP_STORED:
            head = self._file.read(start, min(_HEAD, member.compress_size))

            def read(count: int) -> bytes:
                return head[:count] if count <= len(head) else self._file.read(start, min(count, member.compress_size))

            return read_header(read, where)
        with open_member(self._archive, member) as source:

            def expand(count: int) -> bytes:
                source.seek(0)
                out = bytearray(min(count, member.file_size))
                read_exactly(source, memoryview(out), where)
                return bytes(out)

            return read_header(expand, where)

    def _read_comment(self) -> dict[str, Any]:
        try:
            comment = json.loads(self._archive.comment or b"{}")
        except (ValueError, RecursionError):
            return {}
        own = comment.get(_KEY) if isinstance(comment, dict) else None
        return own if isinstance(own, dict) else {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __getitem__(self, name: str) -> LazyVariable:
        if name not in self._variables:
            raise VariableMissingError(f"{self.path}: has no variable {name!r}", hint="tmplctl show lists them")
        return self._variables[name][1]

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    @property
    def meta(self) -> Metadata:
        """What the comment of the archive says; an .npz of NumPy's own says nothing."""
        return Metadata.from_json(self._own)

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Read every member whole and compare its checksum (CRC-32, which zip keeps)."""
        if names is None:
            yield from self._problems
        for name in self if names is None else names:
            member, _ = self._variables[name]
            start = data_offset(self._file, member)
            stop = start + member.compress_size
            try:
                problem = self._problem(member, start, progress)
            except UnreadableError as error:
                problem = str(error)
            if problem:
                yield Damage(name, problem, str(self.path), start, stop)

    def _problem(self, member: zipfile.ZipInfo, start: int, progress: Callable[[int], None] | None) -> str:
        if member.compress_type == zipfile.ZIP_STORED:
            crc = 0
            for place in range(start, start + member.compress_size, _CHUNK):
                piece = self._file.read(place, min(_CHUNK, start + member.compress_size - place))
                crc = zlib.crc32(piece, crc)
                if progress is not None:
                    progress(len(piece))
            return "" if crc == member.CRC else f"its checksum is {crc:08x}, but {member.CRC:08x} was written"
        with open_member(self._archive, member) as source:
            out = memoryview(bytearray(_CHUNK))
            for place in range(0, member.file_size, _CHUNK):
                count = min(_CHUNK, member.file_size - place)
                read_exactly(source, out[:count], f"{self.path}: {member.filename!r}")
                if progress is not None:
                    progress(count)
        return ""

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill existing arrays; with `verify`, compare the checksums of the members."""
        super().read_into(targets)
        damage = list(self.verify(targets)) if verify else []
        if damage:
            raise DamagedError(
                f"{self.path}: {damage[0].name!r}: {damage[0].problem}",
                hint=f"copy or download it again, or keep what is intact: tmplctl verify {self.path} --salvage OUT",
                damage=damage,
                overwritten=list(targets),
            )

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        if hasattr(self, "_archive"):
            self._archive.close()


def _open_archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OverflowError) as error:
        raise DamagedError(
            f"{path}: the directory at the end of the archive is missing or damaged: {error}",
            hint="the file was cut short: copy or download it again",
        ) from error


@final
class NpzFormat(Format):
    """NumPy's archive of arrays."""

    name: ClassVar[str] = "npz"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    writable: ClassVar[bool] = True

    def open(self, path: Path) -> NpzReader:
        """Open an archive. One with a pickle in it is refused as a whole."""
        return NpzReader(path)

    def open_damaged(self, path: Path) -> NpzReader:
        """Open what is left of an archive: damaged members and pickles are left out, and reported by `verify`."""
        return NpzReader(path, damaged=True)

    def write(
        self,
        path: Path,
        variables: Mapping[str, np.ndarray | LazyVariable],
        meta: Metadata,
        options: WriteOptions = WriteOptions(),
    ) -> None:
        """Write an archive that `np.load` reads, with the exact variable names as its keys.

        What NumPy has no place for is where it does not look: metadata in the comment of the archive, a dtype of
        `ml_dtypes` and the trainable flag in an extra field of the member.

        Raises:
            SaveError: A name or a value cannot be stored without pickles, or the metadata is too long.
        """
        method = _compression(options)
        comment = _comment(meta)
        with new_file(path, durable=options.durable) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name, value in variables.items():
                _write_member(archive, name, value, method(name), options)
            archive.comment = comment


def _compression(options: WriteOptions) -> Callable[[str], int]:
    from fnmatch import fnmatchcase

    unknown = sorted(set(options.compression.values()) - {"deflate"})
    if unknown:
        raise SaveError(f".npz files cannot be compressed with {unknown[0]!r}", hint="deflate is what they know")

    def method(name: str) -> int:
        deflate = any(fnmatchcase(name, pattern) for pattern in options.compression)
        return zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED

    return method


def _comment(meta: Metadata) -> bytes:
    """Return the metadata as text; without the provenance where there is no room for it."""
    own = meta.to_json()
    for kept in (own, {key: value for key, value in own.items() if key != "provenance"}):
        text = json.dumps({_KEY: kept}, ensure_ascii=False).encode() if kept else b""
        if len(text) <= _LONGEST_COMMENT:
            return text
    raise SaveError(
        f"the metadata takes {len(text)} bytes, but an .npz has room for {_LONGEST_COMMENT}",
        hint="write .h5 or .safetensors, or save with less in meta=",
    )


def _write_member(
    archive: zipfile.ZipFile, name: str, value: np.ndarray | LazyVariable, method: int, options: WriteOptions
) -> None:
    if "\0" in name or not name:
        raise SaveError(f"{name!r}: an .npz cannot have a variable of this name", hint="rename it")
    dtype, stored, notes = plain(name, value)
    if options.trainable is not None:
        notes["trainable"] = name in options.trainable
    header = encode(tuple(map(int, value.shape)), dtype)
    member = zipfile.ZipInfo(name + _SUFFIX, _EPOCH)
    if member.filename != name + _SUFFIX:
        raise SaveError(f"{name!r}: an .npz cannot have a variable of this name", hint="rename it")
    member.compress_type = method
    member.extra = note(notes)
    member.file_size = len(header) + stored.nbytes  # tells zipfile whether it takes 64-bit sizes
    with archive.open(member, "w", force_zip64=member.file_size >= 1 << 31) as target:
        target.write(header)
        for block in byte_blocks(stored):
            target.write(block)
            if options.progress is not None:
                options.progress(len(block))
