"""Random programs of scopes, getters and templates: how they are drawn, run and compared.

A program is JSON: a list of statements, each a dictionary with a word under `do`. `vocabulary` gives the words their
meaning, `strategy` draws programs with Hypothesis, `machine` runs one on either side, `compare` runs it on both.
"""
