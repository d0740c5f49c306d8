"""The examples on the getters' pages work as they stand; a page is one session."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[3] / "docs" / "reference" / "getters").glob("*.md"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "index"], ids=lambda page: page.stem)
def test_the_configuration_on_a_page(page, tmp_path):
    import tmplcore.config

    (block,) = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    (tmp_path / "tmpl.toml").write_text(block)
    store = tmplcore.config.load(tmp_path).store()
    assert store.custom_getter is not None
