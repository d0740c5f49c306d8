"""Checking that a checkpoint is what was written, and saving what still is when it is not."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tmplcore.checkpoint.conversion import write_variables
from tmplcore.checkpoint.files import check_used, open_damaged, opened
from tmplcore.checkpoint.format import Damage, Metadata, Reader
from tmplcore.checkpoint.passed_on import PassedOn
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.reports import ConvertReport, VerifyReport
from tmplcore.errors import DamagedError, InvalidArgumentError, SaveError

__all__ = ["salvage", "verify"]


def verify(
    path: str | os.PathLike[str] | Reader,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    sample: float | None = None,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Check the structure, the references to other files, and every content hash.

    Args:
        path: The checkpoint.
        include: Patterns of the names to check; all by default.
        exclude: Patterns of the names to leave out.
        sample: Check a random choice of variables with about this share of the bytes (0.1), another one each time.
        jobs: How many threads read, where the format can use them.
        progress: Called with the number of bytes checked since the last call.

    Raises:
        CheckpointNotFoundError: There is nothing at `path`.
        UnreadableError: It is not a checkpoint in any known format. (A damaged one is reported, not raised.)

    Example:
        >>> import numpy as np, tempfile
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "model.h5"
        >>> checkpoint.save(path, {"a": np.arange(1000.0), "b": np.arange(1000)})
        >>> content = bytearray(path.read_bytes())
        >>> place = content.index(np.float64(500).tobytes())
        >>> content[place] ^= 1
        >>> _ = path.write_bytes(content)
        >>> report = checkpoint.verify(path)
        >>> report.ok, [damage.name for damage in report.damaged]
        (False, ['a'])
    """
    if sample is not None and not 0 < sample <= 1:
        raise InvalidArgumentError(f"sample={sample!r} is no share", hint="0.1 checks a tenth")
    place = str(path.path if isinstance(path, Reader) else path)
    try:
        with opened(path, damaged=True) as reader:
            chosen = Selection(include, exclude)
            check_used(chosen, reader)
            names = [name for name in reader if chosen(name)]
            if sample is not None:
                names = _sampled(reader, names, sample)
            damaged = [
                Damage(None, "refers to a file that is not there", str(f)) for f in reader.files if not _there(f)
            ]
            # All names at once, not as a list: then a format can take the way that checks the whole file.
            damaged += reader.verify(None if len(names) == len(reader) else names, jobs=jobs, progress=progress)
            return VerifyReport(
                path=place,
                format=reader.format,
                variables=len(names),
                nbytes=sum(reader[name].nbytes for name in names),
                damaged=tuple(damaged),
                hashed=len(names) if reader.hashed else sum(reader[name].digest is not None for name in names),
            )
    except DamagedError as error:
        return VerifyReport(path=place, format=None, damaged=tuple(error.damage) or (Damage(None, str(error), place),))


def salvage(
    path: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002  # as in save
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ConvertReport:
    """Write the intact variables of a damaged checkpoint to a new file.

    Args:
        path: The damaged checkpoint.
        destination: The new file.
        format: The name of its format; by default its ending says.
        overwrite: Replace a file that is there.
        progress: Called with the number of bytes written since the last call.

    Returns:
        What was written; `left_out` has the damaged variables and what is wrong with each.

    Raises:
        DamagedError: Not even the list of variables can be read.
        SaveError: No variable is intact.
    """
    with open_damaged(path) as reader:
        bad: dict[str, str] = {}
        for damage in reader.verify():
            if damage.name is not None:
                bad[damage.name] = damage.problem
        intact = {name: PassedOn(name, variable) for name, variable in reader.items() if name not in bad}
        if not intact:
            raise SaveError(f"no variable of {os.fspath(path)!r} is intact", hint="look for an earlier step")
        try:
            meta = reader.meta
        except DamagedError:  # what the checkpoint said of itself is lost; its variables are not
            meta = Metadata()
        origin = {"salvaged": {"from": Path(path).name, "lost": sorted(bad)}}
        report = write_variables(
            reader,
            Path(destination),
            intact,
            replace(meta, provenance={**meta.provenance, **origin}),
            format_name=format,
            overwrite=overwrite,
            progress=progress,
        )
        return replace(report, left_out={**report.left_out, **bad})


def _sampled(reader: Reader, names: list[str], share: float) -> list[str]:
    wanted = share * sum(reader[name].nbytes for name in names)
    chosen: set[str] = set()
    size = 0
    for name in random.sample(names, len(names)):
        if size >= wanted and chosen:
            break
        chosen.add(name)
        size += reader[name].nbytes
    return [name for name in names if name in chosen]


def _there(path: Path) -> bool:
    return os.path.lexists(path)
