"""What the programs must show: the numbered sections of the specification, its corners, its list of surprises."""

from __future__ import annotations

# Sections 0 to 14 with all their parts. Section 15 is eager mode, which is not what is followed here; 16 is a table of
# errors that the other sections explain; 18 is advice for implementers.
SECTIONS = (
    *("0", "1.1", "1.2", "1.3", "2", "3", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "4", "5"),
    *("6", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6", "6.7", "6.8", "6.9", "7", "8", "9", "9.1", "10"),
    *("11", "11.1", "11.2", "11.3", "11.4", "11.5", "11.6", "11.7", "11.8", "12", "13", "14"),
)

# The corners that a reader would not guess, by a name and what happens there.
CORNERS = {
    "unchecked-without-name-scope": "1.1: auxiliary_name_scope=False checks no name on entering",
    "names-ignore-case": "1.2: op names are compared without case",
    "variables-in-the-registry": "1.3: a variable's object name gives way to other ops, its key does not",
    "default-name-with-reuse": "3.4: reuse=True and AUTO are refused beside a default name",
    "odd-names": "3.5: empty names, slashes at either end, a context manager entered twice",
    "listing-prefix": "3.7: listings go by object names and, in TensorFlow, by a regular expression",
    "constraint-not-inherited": "5: a constraint is not handed down, not even to the same scope entered again",
    "dtype-on-a-hit": "6.2: a bare look-up asks for the scope's dtype",
    "no-argument-callables": "6.4: a callable without arguments decides the dtype, whatever was asked for",
    "scope-dtype-and-constants": "6.4: the scope's dtype does not bind constants",
    "local-collection-stays-trainable": "6.5: collections=[LOCAL_VARIABLES] leaves a variable trainable",
    "regularizer-runs-twice": "6.6: TensorFlow runs a regularizer twice",
    "failing-regularizer": "6.6: TensorFlow keeps the variable of a failed regularizer",
    "local-extends-the-list": "6.8: TensorFlow's get_local_variable extends the caller's list",
    "true-getter-order": "9: the true getter's parameters have an order of their own",
    "getter-defaults": "9: what a getter does not forward falls back to the true getter's defaults",
    "argument-replaces-the-chain": "9: get_variable(custom_getter=) replaces all getters",
    "setter-replaces-the-chain": "9: set_custom_getter replaces all getters",
    "name-scopes-around-getters": "9: getters run at the root name scope; scopes inside prefix the object's name",
    "constants-under-a-partitioner": "10: Python constants break under a partitioner",
    "found-without-partitioner": "10: found without partitioner under True, not under AUTO",
    "failing-shard": "10: TensorFlow keeps the shards made before a failure",
    "strict-later-calls": "11.2: later calls are strict, under reuse the first one too",
    "stuck-template": "11.2: a template whose first call fails midway is stuck in TensorFlow",
    "length-safeguard": "11.3: TensorFlow compares only the length of the trainable list",
    "now-corners": "11.6: create_scope_now_ loses the dtype and collides when its parent is opened again",
    "global-step-scope": "12: the global step is made in the scope that first asks for it",
}

SURPRISES = tuple(f"17.{number}" for number in range(1, 23))
