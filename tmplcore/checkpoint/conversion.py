"""From one format to another: bounded memory, bit for bit unless told otherwise, and with the metadata."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tmplcore.checkpoint.casting import can_cast, dtype_named, is_float
from tmplcore.checkpoint.files import check_used, opened, write, writer_for
from tmplcore.checkpoint.format import Metadata, Reader, WriteOptions
from tmplcore.checkpoint.matches import dtype_text
from tmplcore.checkpoint.passed_on import PassedOn
from tmplcore.checkpoint.patterns import Selection, matcher
from tmplcore.checkpoint.planning import Rules
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import ConvertReport
from tmplcore.errors import InvalidArgumentError, SaveError

__all__ = ["convert", "optimizer_slots", "write_variables"]

Casts = str | np.dtype[Any] | Mapping[str, "str | np.dtype[Any]"] | None

# Scalars that TensorFlow's Adam keeps beside its slots.
_POWERS: Final = re.compile(r"(.*/)?beta[12]_power(_\d+)?")
# Averages of values are results of training like the values, whatever made them.
_AVERAGES: Final = "ExponentialMovingAverage"


def convert(
    source: str | os.PathLike[str] | Reader,
    destination: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002  # as in save
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    rename: Rules = None,
    cast: Casts = None,
    strip_slots: bool = False,
    overwrite: bool = False,
    durable: bool = True,
    compression: Mapping[str, str] | str | None = None,
    verify: bool = True,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ConvertReport:
    """Write a checkpoint of any readable format in any writable one.

    Args:
        source: The checkpoint to read.
        destination: The file to write; its ending chooses the format unless `format` does.
        format: The name of a format.
        include: Patterns of the names to convert, before or after renaming; all by default.
        exclude: Patterns of the names to leave out.
        rename: Rules from old names to new ones.
        cast: A dtype for all floating-point variables; or a mapping of patterns to dtypes, in which the pattern `""`
            stands for all other floating-point variables.
        strip_slots: Leave out what an optimizer keeps beside the variables (`…/Adam`, `beta1_power`).
        overwrite: Replace a file that is there.
        durable: Return only when the file would survive a power failure.
        compression: As in `save`.
        verify: Check the content hashes of what is read; a damaged source is not to get fresh hashes.
        dry_run: Only say what would be written.
        progress: Called with the number of bytes written since the last call.

    Returns:
        What was written, renamed, cast and left out.

    Raises:
        DamagedError: The source is not what was written. No file is left behind.
        ExistsError: The destination is there already.
        SaveError: The format cannot hold a name or a dtype, or a cast is not possible.

    Example:
        >>> import numpy as np, tempfile
        >>> from tmplcore import checkpoint
        >>> here = Path(tempfile.mkdtemp())
        >>> checkpoint.save(here / "a.h5", {"w": np.ones(3), "w/Adam": np.zeros(3), "step": np.int64(9)}, step=9)
        >>> report = checkpoint.convert(here / "a.h5", here / "b.npz", cast="float16", strip_slots=True)
        >>> dict(report.cast), dict(report.left_out)
        ({'w': ('float64', 'float16')}, {'w/Adam': 'kept by an optimizer'})
        >>> sorted(np.load(here / "b.npz"))
        ['step', 'w']
    """
    with opened(source) as reader:
        rules, chosen = RenameRules(rename), Selection(include, exclude)
        dropped = optimizer_slots(reader) if strip_slots else frozenset()
        taken, left_out = [], {}
        for name in reader:
            if name in dropped:
                left_out[name] = "kept by an optimizer"
            elif not (chosen.everything or chosen(name, rules(name))):
                left_out[name] = "not selected"
            else:
                taken.append(name)
        names = [*reader, *map(rules, reader)]
        check_used(chosen, names)
        if isinstance(cast, Mapping):
            check_used(Selection([pattern for pattern in cast if pattern]), names)
        renamed = rules.apply(taken)
        new_names = {old: new for new, (old, _) in renamed.items()}
        target = _cast_rule(cast)
        variables: dict[str, PassedOn] = {}
        for new, (old, _) in renamed.items():
            lazy = reader[old]
            alias = new_names.get(lazy.alias_of) if lazy.alias_of is not None else None
            dtype = target(new, old, lazy.dtype)
            variables[new] = PassedOn(new, lazy, reader, dtype=dtype, alias=alias, verify=verify)
        meta = reader.meta
        history = {
            "from": reader.path.name,
            "format": reader.format,
            **({"rename": list(rules)} if len(rules) else {}),
            **({"cast": {n: str(v.dtype) for n, v in variables.items() if v.is_cast}} if cast is not None else {}),
        }
        report = write_variables(
            reader,
            Path(destination),
            variables,
            replace(meta, provenance={**meta.provenance, "converted": history}),
            format_name=format,
            overwrite=overwrite,
            durable=durable,
            compression={"*": compression} if isinstance(compression, str) else compression,
            dry_run=dry_run,
            progress=progress,
        )
        return replace(report, left_out=left_out)


def write_variables(
    reader: Reader,
    destination: Path,
    variables: Mapping[str, PassedOn],
    meta: Metadata,
    *,
    format_name: str | None = None,
    overwrite: bool = False,
    durable: bool = True,
    compression: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ConvertReport:
    """Write variables on their way out of a reader, and report."""
    plugin = writer_for(destination, format_name)
    known = [(name, variable.trainable) for name, variable in variables.items() if variable.trainable is not None]
    options = WriteOptions(
        durable=durable,
        compression=compression or {},
        trainable=frozenset(name for name, trainable in known if trainable) if known else None,
        progress=progress,
    )
    if not dry_run:
        write(plugin, destination, variables, meta, options, overwrite)
    return ConvertReport(
        source=str(reader.path),
        path=str(destination),
        format=plugin.name,
        variables=tuple(variables),
        nbytes=sum(variable.nbytes for variable in variables.values()),
        renamed={name: v.source.name for name, v in variables.items() if v.source.name != name},
        cast={name: (str(v.source.dtype), str(v.dtype)) for name, v in variables.items() if v.is_cast},
        overflowed={name: v.overflowed for name, v in variables.items() if v.overflowed},
    )


def optimizer_slots(names: Iterable[str]) -> frozenset[str]:
    """Return the names of what an optimizer of TensorFlow 1 keeps beside the variables.

    That is a name that continues another variable's (`w/Adam` where there is `w`), unless it is a moving average;
    and Adam's powers.

    Example:
        >>> sorted(optimizer_slots(["w", "w/Adam", "w/Adam_1", "w/ExponentialMovingAverage", "beta1_power"]))
        ['beta1_power', 'w/Adam', 'w/Adam_1']
    """
    names = set(names)
    found = {name for name in names if _POWERS.fullmatch(name)}
    for name in names:
        owner, _, last = name.rpartition("/")
        while owner:
            if owner in names:
                if not last.startswith(_AVERAGES):
                    found.add(name)
                break
            owner = owner.rpartition("/")[0]
    return frozenset(found)


def _cast_rule(cast: Casts) -> Callable[[str, str, np.dtype[Any]], np.dtype[Any] | None]:
    if cast is None:
        return lambda new, old, dtype: None
    if not isinstance(cast, Mapping):
        cast = {"": cast}
    rest = _dtype(cast[""]) if "" in cast else None
    if rest is not None and not is_float(rest):
        raise InvalidArgumentError(
            f"cast to {rest}: floats are cast to floats, or nothing would be left of their fractions",
            hint="float16, bfloat16, float32, …; with a pattern integers are cast, too",
        )
    rules = [(pattern, matcher(pattern), _dtype(name)) for pattern, name in cast.items() if pattern]

    def chosen(new: str, old: str, dtype: np.dtype[Any]) -> np.dtype[Any] | None:
        for pattern, fits, wanted in rules:
            if fits(new) or fits(old):
                if not can_cast(dtype, wanted):
                    kind = dtype_text(dtype)
                    raise SaveError(
                        f"{old!r} is {kind}, which cannot become {wanted} (cast by the pattern {pattern!r})",
                        hint="make the pattern narrower",
                    )
                return wanted
        return rest if is_float(dtype) else None

    return chosen


def _dtype(name: Any) -> np.dtype[Any]:
    try:
        return dtype_named(name)
    except TypeError:
        raise InvalidArgumentError(
            f"cast to {name!r}: there is no such dtype", hint="float16, bfloat16, float32, …"
        ) from None
