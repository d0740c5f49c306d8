"""What the shell proposes behind Tab: checkpoints and the variables in them. Never raises, never prints."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import typer

from tmplctl.session import Session

__all__ = ["complete_names", "complete_refs", "complete_tags"]

MOST = 500


def _session(context: typer.Context) -> Session:
    found = context.find_root().obj
    return found if isinstance(found, Session) else Session()


def complete_refs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Propose steps, tags, latest, best, and the checkpoint files of a directory."""
    found: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        infos = _session(context).manager.list()
        if infos:
            found += [("latest", "the newest valid one"), ("best", "the best by its metric")]
        for info in reversed(infos):
            found += [(tag, f"step {info.step}") for tag in info.tags]
            found.append((str(info.step), info.path.name))
    with contextlib.suppress(Exception):
        found += _paths(_session(context), incomplete)
    return [item for item in found if item[0].startswith(incomplete)][:MOST]


def _paths(session: Session, incomplete: str) -> list[tuple[str, str]]:
    folder, _, start = incomplete.rpartition("/")
    base = Path(folder + "/") if "/" in incomplete else Path()
    suffixes = tuple(suffix for format_ in session.registry.formats() for suffix in format_.suffixes)
    found = []
    for item in sorted(base.iterdir()):
        if not item.name.startswith(start) or (item.name.startswith(".") and not start):
            continue
        shown = f"{folder}/{item.name}" if "/" in incomplete else item.name
        if item.is_dir():
            found.append((shown + "/", "directory"))
        elif item.name.endswith(suffixes):
            found.append((shown, ""))
    return found


def complete_tags(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Propose the tags of the directory."""
    with contextlib.suppress(Exception):
        return [
            (tag, f"step {info.step}")
            for info in _session(context).manager.list()
            for tag in info.tags
            if tag.startswith(incomplete)
        ]
    return []


def complete_names(context: typer.Context, incomplete: str) -> list[str]:
    """Propose the variables of the checkpoint that was named before."""
    with contextlib.suppress(Exception):
        from tmplctl.refs import open_checkpoint

        ref: Any = context.params.get("ref") or "latest"
        with open_checkpoint(_session(context), ref) as reader:
            return [name for name in reader if name.startswith(incomplete)][:MOST]
    return []
