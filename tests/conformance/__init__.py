"""Shows that names, numbering, reuse and collections are TensorFlow 1's: recorded programs and random ones.

programs/    programs that use nothing but TensorFlow 1's names; each gets the module as `tf`
traces/      what TensorFlow 2.21 (`tensorflow.compat.v1`, graph mode) did with each, as JSON
record.py    writes the traces; needs TensorFlow
generator/   random programs, as JSON, and the machine that runs them on both sides
live.py      `make conformance`: random programs against a live TensorFlow
"""
