"""What the documentation does to docstrings: `Example:` is one of Google's headings, and doctests stand below it."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Object


class Examples(Extension):
    """Render the section `Example:` like `Examples:`, which is the only name the parser knows."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the heading."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
