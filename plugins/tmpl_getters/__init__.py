"""Ready-made custom getters.

The descriptors are all that is imported to list them; `tmpl_getters.ema` and the other modules hold the getters.
"""
