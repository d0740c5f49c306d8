"""What holds for all tests."""

import os

from hypothesis import settings

# A test on a loaded machine is slow now and then; how fast things are is for benchmarks/ to say.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# A developer's own configuration must not change what a test sees.
for _name in [name for name in os.environ if name.startswith("TMPL")]:
    del os.environ[_name]
