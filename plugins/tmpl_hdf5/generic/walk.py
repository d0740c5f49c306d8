"""All datasets of an HDF5 file, found within the rules of `guard`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from h5py import h5, h5d, h5g, h5o

from tmpl_hdf5.generic.guard import DEPTH, LINKS, check_dataset, check_link, object_address
from tmpl_hdf5.names import OWN_GROUP
from tmplcore.errors import UntrustedError

__all__ = ["bound_cache", "datasets"]

_CACHE_BYTES = 2 << 20


def datasets(file: Any, file_size: int) -> Iterator[tuple[str, h5d.DatasetID]]:
    """Yield path and dataset, breadth first. The links of a group are counted and checked before any is followed.

    Args:
        file: The open file.
        file_size: Its bytes.

    Raises:
        UntrustedError: Something in it breaks a rule.
    """
    root = h5g.open(file, b"/")
    groups = deque([("", root, 0)])
    seen = {object_address(root)[0]}
    room = LINKS
    while groups:
        path, group, depth = groups.popleft()
        names, room = _links(group, path, room)
        for name in names:
            inner = _inner(path, name)
            if inner == OWN_GROUP:
                continue
            item = h5o.open(group, name)
            if isinstance(item, h5g.GroupID):
                address, _ = object_address(item)
                if address in seen or depth >= DEPTH:
                    problem = "is reached by two paths or by itself" if address in seen else "is nested too deep"
                    raise UntrustedError(f"group {inner!r} {problem}")
                seen.add(address)
                groups.append((inner, item, depth + 1))
            elif isinstance(item, h5d.DatasetID):
                check_dataset(inner, item, file_size)
                yield inner, item


def bound_cache(file: Any) -> None:
    """Keep libhdf5 from caching more of the structure than a small part: it is walked once."""
    config = file.get_mdc_config()
    config.set_initial_size, config.initial_size = True, _CACHE_BYTES
    config.min_size, config.max_size = _CACHE_BYTES, 4 * _CACHE_BYTES
    file.set_mdc_config(config)


def _links(group: h5g.GroupID, path: str, room: int) -> tuple[list[bytes], int]:
    """Return the names in a group, and how many links more the file may have."""
    # A group of the new style says how many there are. Whether it says so or not, they are counted one by one, which
    # ends where there are too many; libhdf5 does so in native order, and makes a table of all first in any other.
    count = 0

    def count_one(_: bytes) -> bool | None:
        nonlocal count
        count += 1
        return True if count > room else None

    if h5o.get_info(group).hdr.version > 1:
        count = group.get_num_objs()
    if count <= room:
        count = 0
        group.links.iterate(count_one, order=h5.ITER_NATIVE)
    if count > room:
        raise UntrustedError(f"it has more than {LINKS} links")
    found: list[tuple[bytes, int]] = []
    group.links.iterate(lambda name, info: found.append((name, info.type)), info=True, order=h5.ITER_NATIVE)
    for name, kind in found:
        check_link(_inner(path, name), kind)
    return [name for name, _ in found], room - count


def _inner(path: str, name: bytes) -> str:
    text = name.decode(errors="surrogateescape")
    return f"{path}/{text}" if path else text
