"""Tags: small files beside the steps, each naming one of them, replaced in one step."""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path
from typing import Final, final

from tmplcore.checkpoint.commit import replace_text
from tmplcore.errors import CheckpointNotFoundError, ExistsError, InvalidArgumentError

__all__ = ["RESERVED", "Tags", "check_tag"]

SUFFIX: Final = ".tag"
RESERVED: Final = frozenset({"all", "best", "first", "last", "latest", "newest", "none"})

_NAME: Final = re.compile(r"\w[\w.+@-]{0,99}")
# A tag file is a line; whatever is longer is not ours and is not read.
_MOST_BYTES: Final = 4096


def check_tag(name: str) -> str:
    """Return the name of a tag, if it can be one.

    Raises:
        InvalidArgumentError: It is a number, a word with a meaning of its own, or has characters that a tag may not
            have.

    Example:
        >>> check_tag("release-1.0")
        'release-1.0'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} cannot be a tag", hint="letters, digits, and . _ + @ - after the first, 100 at most"
        )
    if name.lower() in RESERVED:
        raise InvalidArgumentError(f"{name!r} cannot be a tag: the word has a meaning of its own", hint=f"{name}-1")
    if _is_number(name):
        raise InvalidArgumentError(f"{name!r} cannot be a tag: it would be taken for a step", hint=f"v{name}")
    return name


@final
class Tags:
    """The tags in a directory.

    Args:
        directory: The directory.
        prefix: The prefix of the steps that they point at; tags of other prefixes are not seen.
    """

    def __init__(self, directory: Path, prefix: str) -> None:
        self.directory = directory
        self.prefix = prefix

    def read(self) -> dict[str, int]:
        """Return every tag and the step it points at; what cannot be read as a tag is none."""
        try:
            with os.scandir(self.directory) as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        tags = {}
        for name in names:
            tag = name.removesuffix(SUFFIX)
            if _NAME.fullmatch(tag) and (found := self._content(tag)) is not None and found[0] == self.prefix:
                tags[tag] = found[1]
        return tags

    def write(self, name: str, step: int, *, force: bool = False) -> None:
        """Let a tag point at a step.

        Raises:
            InvalidArgumentError: The name cannot be a tag.
            ExistsError: It points at another step, or there is something else of that name.
        """
        path = self._path(check_tag(name))
        found = self._content(name)
        if found == (self.prefix, step):
            return
        if os.path.lexists(path) and not (force and found is not None and found[0] == self.prefix):
            where = "is something else" if found is None else f"points at {found[0]} {found[1]}"
            raise ExistsError(
                f"the tag {name!r} exists and {where}", hint="choose another name, or say force to move it"
            )
        replace_text(path, json.dumps({"prefix": self.prefix, "step": step}) + "\n")

    def remove(self, name: str) -> None:
        """Remove a tag.

        Raises:
            CheckpointNotFoundError: There is none of that name.
        """
        tags = self.read()
        if name not in tags:
            near = difflib.get_close_matches(str(name), tags, n=3)
            known = f"there are {', '.join(tags)}" if tags else "there are none"
            raise CheckpointNotFoundError(
                f"there is no tag {name!r}", hint=f"did you mean {' or '.join(near)}?" if near else known
            )
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}{SUFFIX}"

    def _content(self, name: str) -> tuple[str, int] | None:
        try:
            with self._path(name).open("rb") as file:
                content = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return None
        if not isinstance(content, dict):
            return None
        prefix, step = content.get("prefix"), content.get("step")
        if not isinstance(prefix, str) or not isinstance(step, int) or isinstance(step, bool) or step < 0:
            return None
        return prefix, step


def _is_number(name: str) -> bool:
    for kind in (int, float):
        try:
            kind(name)
        except ValueError:
            continue
        return True
    return False
