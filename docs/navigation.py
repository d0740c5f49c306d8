"""The navigation of the documentation, made from its folders: a page is in it as soon as it is there.

A folder is a section. `index.md` comes first, then the rest by title; a page can say `order: 1` in its front matter.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_SECTIONS = {
    "tutorials": "Tutorials",
    "how-to": "How-to",
    "reference": "Reference",
    "explanation": "Explanation",
    "decisions": "Decisions",
}


def on_config(config: Any) -> Any:
    """Give mkdocs its navigation."""
    docs = Path(config["docs_dir"])
    config["nav"] = [{"Home": "index.md"}]
    for folder, title in _SECTIONS.items():
        if pages := _pages(docs, docs / folder):
            config["nav"].append({title: pages})
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """List the records on the page of decisions: a narrow screen shows no navigation beside it."""
    if page.file.src_uri != "decisions/index.md":
        return markdown
    folder = Path(config["docs_dir"]) / "decisions"
    records = sorted(path for path in folder.glob("*.md") if path.name != "index.md")
    return "\n".join([markdown.rstrip(), "", *(f"* [{_front(path)[1]}]({path.name})" for path in records), ""])


def _pages(docs: Path, folder: Path) -> list[Any]:
    entries: list[tuple[int, str, Any]] = []
    for path in folder.iterdir() if folder.is_dir() else []:
        if path.suffix == ".md":
            order, title = _front(path)
            entries.append((order, title, {title: path.relative_to(docs).as_posix()}))
        elif path.is_dir() and (inner := _pages(docs, path)):
            title = (
                _front(path / "index.md")[1] if (path / "index.md").is_file() else path.name.replace("-", " ").title()
            )
            entries.append((500, title, {title: inner}))
    return [entry for _, _, entry in sorted(entries, key=lambda entry: (entry[0], entry[1].lower()))]


def _front(path: Path) -> tuple[int, str]:
    """Return where a page wants to be, and its title."""
    text = path.read_text(encoding="utf-8")
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    title = heading[1].replace("`", "") if heading else path.stem
    if path.name == "index.md":
        return -1, title
    order = re.match(r"---\n(?:.*\n)*?order: (\d+)\n(?:.*\n)*?---\n", text)
    return (int(order[1]) if order else 100), title
