"""Section 10: partitioned variables."""

import numpy as np

from tests.conformance.program import program


def cut(*counts):
    return lambda shape, dtype: list(counts)


@program("10")
def what_a_partitioned_variable_shows(tf, t):
    with tf.variable_scope("s"):
        p = tf.get_variable("v", [5, 3], partitioner=tf.fixed_size_partitioner(2))
    t("p", p)
    t("name", p.name)
    t("len", len(p))
    t("shape", p.shape)
    t("get_shape", p.get_shape())
    t("dtype", p.dtype)
    t("shards", list(p))
    t("whole", p.as_tensor().name)
    t("whole again", p.as_tensor().name)


@program("10")
def what_a_partitioner_gets(tf, t):
    def partitioner(**kwargs):
        t("keywords", sorted(kwargs))
        t("shape", kwargs["shape"])
        t("dtype", kwargs["dtype"])
        return [2, 1]

    t("p", tf.get_variable("v", [4, 2], dtype=tf.float64, partitioner=partitioner))


@program("10")
def scalars_are_not_cut(tf, t):
    t("scalar", tf.get_variable("v", [], partitioner=cut(2)))
    t("one shard", tf.get_variable("w", [4], partitioner=cut(1)))
    t("one shard of two axes", tf.get_variable("x", [4, 4], partitioner=cut(1, 1)))


@program("10")
def sizes_of_shards(tf, t):
    for rows, shards in ((7, 3), (2, 5), (6, 3), (1, 1), (10, 4)):
        t(
            f"{rows} in {shards}",
            tf.get_variable(f"v_{rows}_{shards}", [rows], partitioner=tf.fixed_size_partitioner(shards)),
        )
    t("second axis", tf.get_variable("w", [2, 5], partitioner=cut(1, 2)))
    t("fixed on axis 1", tf.get_variable("x", [2, 5], partitioner=tf.fixed_size_partitioner(2, axis=1)))


@program("10", covers="failing-shard", mended={"at the end": {}})
def more_shards_than_rows(tf, t):
    with t.fails("none"):
        t("p", tf.get_variable("v", [2], partitioner=cut(5)))


@program("10")
def slices(tf, t):
    p = tf.get_variable("v", [5, 3], partitioner=cut(2, 1))
    for number, shard in enumerate(p):
        info = shard._save_slice_info
        t(f"{number} spec", info.spec)
        t(f"{number} full name", info.full_name)
        t(f"{number} full shape", info.full_shape)
        t(f"{number} offset", info.var_offset)
        t(f"{number} shape", info.var_shape)


@program("10")
def slices_in_a_scope(tf, t):
    with tf.variable_scope("s"):
        p = tf.get_variable("v", [3, 4], partitioner=cut(1, 2))
    t("specs", [shard._save_slice_info.spec for shard in p])
    t("names", [shard._save_slice_info.full_name for shard in p])


@program("10")
def shards_are_what_is_collected(tf, t):
    p = tf.get_variable(
        "v", [4], partitioner=cut(2), trainable=False, collections=["mine"], regularizer=lambda v: tf.constant(1.0)
    )
    t("p", p)
    t("losses", len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))
    tf.get_default_graph().clear_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    t("local", tf.get_local_variable("l", [4], partitioner=cut(2)))


@program("10")
def the_initializer_runs_per_shard(tf, t):
    seen = []

    def initializer(shape, dtype=None, partition_info=None):
        seen.append(
            [
                list(shape),
                dtype,
                list(partition_info.full_shape),
                list(partition_info.var_offset),
                partition_info.single_offset(shape),
                partition_info.single_slice_dim(shape),
            ]
        )
        return np.full(shape, float(partition_info.var_offset[0]), np.float32)

    p = tf.get_variable("v", [5, 2], partitioner=cut(2, 1), initializer=initializer)
    t("seen", seen)
    t.value("values", p)


@program("10")
def a_plain_initializer_runs_per_shard(tf, t):
    p = tf.get_variable("v", [5], partitioner=cut(2), initializer=tf.constant_initializer(2.0))
    t.value("values", p)
    t("integers", tf.get_variable("i", [4], dtype=tf.int32, partitioner=cut(2)))


@program("10")
def tensor_constants_are_sliced(tf, t):
    c = tf.constant(np.arange(6, dtype=np.float32).reshape(3, 2))
    p = tf.get_variable("v", initializer=c, partitioner=cut(2, 1))
    t("p", p)
    t.value("values", p)
    q = tf.get_variable("w", [3, 2], initializer=c, partitioner=cut(1, 2))
    t("with shape", q)
    t.value("with shape values", q)
    t("not validated", tf.get_variable("u", [3, 2], initializer=c, partitioner=cut(2, 1), validate_shape=False))
    t("unknown shape", tf.get_variable("x", tf.TensorShape(None), initializer=c, partitioner=cut(2, 1)))
    t("partly known", tf.get_variable("y", [None, 2], initializer=c, partitioner=cut(2, 1)))
    with t.fails("another shape"):
        tf.get_variable("z", [2, 2], initializer=c, partitioner=cut(2, 1))


@program("10", covers="constants-under-a-partitioner 17.13")
def python_constants_are_refused(tf, t):
    for label, value in (("list", [1.0, 2.0]), ("number", 3.0), ("array", np.ones(4, np.float32))):
        with t.fails(label):
            tf.get_variable("v", initializer=value, partitioner=cut(2))
    with tf.variable_scope("s", partitioner=tf.fixed_size_partitioner(2)):
        with t.fails("in a scope"):
            tf.get_variable("x", initializer=[1.0, 2.0])
        with t.fails("number in a scope"):
            tf.get_variable("y", initializer=3.0)
    t("variables", tf.global_variables())


@program("10", covers="found-without-partitioner 17.13")
def looked_up_without_a_partitioner(tf, t):
    p = tf.get_variable("v", [4, 2], partitioner=cut(2, 1))
    with tf.variable_scope("", reuse=True):
        t("with shape", tf.get_variable("v", [4, 2]) is p)
        t("without", tf.get_variable("v") is p)
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        with t.fails("auto", "v"):
            tf.get_variable("v", [4, 2])
    with t.fails("false"):
        tf.get_variable("v", [4, 2])


@program("10")
def looked_up_with_a_partitioner(tf, t):
    p = tf.get_variable("v", [4, 2], partitioner=cut(2, 1))
    for label, reuse in (("true", True), ("auto", tf.AUTO_REUSE)):
        with tf.variable_scope("", reuse=reuse):
            t(f"same {label}", tf.get_variable("v", [4, 2], partitioner=cut(2, 1)) is p)
            with t.fails(f"count {label}"):
                tf.get_variable("v", [4, 2], partitioner=cut(4, 1))
            with t.fails(f"axis {label}"):
                tf.get_variable("v", [4, 2], partitioner=cut(1, 2))
            with t.fails(f"one {label}"):
                tf.get_variable("v", [4, 2], partitioner=cut(1, 1))
            with t.fails(f"shape {label}"):
                tf.get_variable("v", [6, 2], partitioner=cut(2, 1))
            with t.fails(f"dtype {label}"):
                tf.get_variable("v", [4, 2], dtype=tf.float64, partitioner=cut(2, 1))
            with t.fails(f"no shape {label}"):
                tf.get_variable("v", partitioner=cut(2, 1))
    with t.fails("false", "already exists"):
        tf.get_variable("v", [4, 2], partitioner=cut(2, 1))


@program("10")
def shape_of_a_partitioned_variable_without_partitioner(tf, t):
    tf.get_variable("v", [4, 2], partitioner=cut(2, 1))
    with tf.variable_scope("", reuse=True):
        with t.fails("other shape"):
            tf.get_variable("v", [6, 2])
        with t.fails("other dtype"):
            tf.get_variable("v", [4, 2], dtype=tf.float64)


@program("10")
def a_plain_variable_asked_with_a_partitioner(tf, t):
    tf.get_variable("v", [4])
    for label, reuse in (("true", True), ("auto", tf.AUTO_REUSE), ("false", False)):
        with tf.variable_scope("", reuse=reuse):
            with t.fails(label):
                tf.get_variable("v", [4], partitioner=cut(2))


@program("10")
def a_missing_variable_asked_with_a_partitioner(tf, t):
    with tf.variable_scope("", reuse=True):
        with t.fails("missing", "PartitionedVariable"):
            tf.get_variable("v", [4], partitioner=cut(2))
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        t("auto", tf.get_variable("v", [4], partitioner=cut(2)))


@program("10")
def shards_are_in_the_store(tf, t):
    p = tf.get_variable("v", [4], partitioner=cut(2))
    with tf.variable_scope("", reuse=True):
        t("shard", tf.get_variable("v/part_0") is next(iter(p)))
        t("by shape", tf.get_variable("v/part_1", [2]) is list(p)[1])
        with t.fails("third"):
            tf.get_variable("v/part_2", [2])
    with t.fails("create"):
        tf.get_variable("v/part_0", [2])


@program("10")
def bad_answers_of_a_partitioner(tf, t):
    for label, answer in (
        ("number", 2),
        ("none", None),
        ("too long", [2, 1]),
        ("empty", []),
        ("zero", [0]),
        ("negative", [-1]),
    ):
        with t.fails(label):
            tf.get_variable("v", [4], partitioner=lambda shape, dtype, answer=answer: answer)
    with t.fails("two axes"):
        tf.get_variable("v", [4, 4], partitioner=cut(2, 2))
    with t.fails("too short"):
        tf.get_variable("v", [4, 4], partitioner=cut(2))
    t("tuple", tf.get_variable("v", [4], partitioner=lambda shape, dtype: (2,)))


@program("10")
def partitioners_that_cannot_be_called(tf, t):
    with t.fails("number"):
        tf.get_variable("v", [4], partitioner=3)
    with t.fails("signature"):
        tf.get_variable("v", [4], partitioner=lambda: [2])
    with t.fails("other names"):
        tf.get_variable("v", [4], partitioner=lambda a, b: [2])
    with t.fails("no shape"):
        tf.get_variable("v", partitioner=cut(2))
    t("then", tf.get_variable("v", [4]))


@program(
    "10",
    covers="failing-shard",
    mended={
        "variables": [],
        "retry": "<partitioned v float32 [4]: <variable v/part_0:0 float32 [2]>, <variable v/part_1:0 float32 [2]>>",
        "at the end": {
            "trainable_variables": ["<variable v/part_0:0 float32 [2]>", "<variable v/part_1:0 float32 [2]>"],
            "variables": ["<variable v/part_0:0 float32 [2]>", "<variable v/part_1:0 float32 [2]>"],
        },
    },
)
def a_failing_shard_leaves_nothing(tf, t):
    def bad(shape, dtype=None, partition_info=None):
        if partition_info.var_offset[0] > 0:
            raise KeyError("second shard")
        return np.zeros(shape, np.float32)

    with t.fails("raises", "second shard"):
        tf.get_variable("v", [4], partitioner=cut(2), initializer=bad)
    t("variables", tf.global_variables())
    try:
        t("retry", tf.get_variable("v", [4], partitioner=cut(2)))
    except ValueError:
        t("retry", "refused")


@program("10", "9")
def a_getter_sees_the_whole_variable(tf, t):
    def spy(getter, name, *args, **kwargs):
        t(f"name {name}", [name, kwargs["shape"], kwargs["partitioner"] is not None])
        return getter(name, *args, **kwargs)

    def whole(getter, name, *args, **kwargs):
        kwargs["partitioner"] = None
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=spy, partitioner=cut(2)):
        t("v", tf.get_variable("v", [4]))
    with tf.variable_scope("u", custom_getter=whole, partitioner=cut(2)):
        t("w", tf.get_variable("w", [4]))


@program("10", "9.1")
def creators_run_per_shard(tf, t):
    names = []

    def creator(next_creator, **kwargs):
        names.append(kwargs["name"])
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator), tf.variable_scope("s"):
        tf.get_variable("v", [4], partitioner=cut(2))
    t("names", names)


@program("10")
def the_whole_is_named_by_the_variable(tf, t):
    with tf.variable_scope("s"):
        p = tf.get_variable("v", [4], partitioner=cut(2), initializer=tf.ones_initializer())
    with tf.name_scope("n"):
        t("in a name scope", p.as_tensor().name)
    t("outside", p.as_tensor().name)
    t.value("value", p.as_tensor())


@program("10")
def shapes_must_be_known_to_cut(tf, t):
    with t.fails("open"):
        tf.get_variable("v", [None, 2], partitioner=cut(2, 1))
    with t.fails("none"):
        tf.get_variable("v", partitioner=cut(2), initializer=tf.ones_initializer())


@program("10")
def variable_axis_size(tf, t):
    for number, (shape, arguments) in enumerate(
        (
            ([100, 10], {"max_shard_bytes": 1000}),
            ([100, 10], {"max_shard_bytes": 1000, "axis": 1}),
            ([100, 10], {"max_shard_bytes": 1000, "max_shards": 2}),
            ([7], {"max_shard_bytes": 4}),
            ([3, 2], {"max_shard_bytes": 100000}),
        )
    ):
        partitioner = tf.variable_axis_size_partitioner(**arguments)
        t(f"{number}", partitioner(shape=tf.TensorShape(shape), dtype=tf.float32))
    t("float64", tf.variable_axis_size_partitioner(1000)(shape=tf.TensorShape([100, 10]), dtype=tf.float64))
    t("string", tf.variable_axis_size_partitioner(1000)(shape=tf.TensorShape([100, 10]), dtype=tf.string))
    t("bytes per word", tf.variable_axis_size_partitioner(1000, 0, 4)(shape=tf.TensorShape([100, 10]), dtype=tf.string))
    with t.fails("zero"):
        tf.variable_axis_size_partitioner(0)
    with t.fails("negative shards"):
        tf.variable_axis_size_partitioner(10, max_shards=-1)
    t("variable", tf.get_variable("v", [10, 2], partitioner=tf.variable_axis_size_partitioner(40)))


@program("10")
def min_max_variable(tf, t):
    for number, (shape, arguments) in enumerate(
        (
            ([1024, 1024], {}),
            ([1024, 1024], {"max_partitions": 4}),
            ([1024, 1024], {"max_partitions": 8, "min_slice_size": 1 << 20}),
            ([1024, 1024], {"max_partitions": 8, "axis": 1}),
            ([4, 4], {"max_partitions": 8, "min_slice_size": 16}),
            ([3, 1000], {"max_partitions": 8, "min_slice_size": 16}),
        )
    ):
        partitioner = tf.min_max_variable_partitioner(**arguments)
        t(f"{number}", partitioner(shape=tf.TensorShape(shape), dtype=tf.float32))
    with t.fails("zero partitions"):
        tf.min_max_variable_partitioner(max_partitions=0)
    with t.fails("zero size"):
        tf.min_max_variable_partitioner(min_slice_size=0)
    t(
        "variable",
        tf.get_variable("v", [10, 2], partitioner=tf.min_max_variable_partitioner(max_partitions=3, min_slice_size=20)),
    )


@program("10")
def fixed_size_out_of_range(tf, t):
    with t.fails("axis"):
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2, axis=1))
    with t.fails("zero"):
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(0))


@program("10")
def a_partitioned_name_pushed_aside(tf, t):
    tf.Variable(1.0, name="v/part_0")
    t("p", tf.get_variable("v", [4], partitioner=cut(2)))


@program("10")
def partitioned_under_auto_from_the_scope(tf, t):
    with tf.variable_scope("s", partitioner=tf.fixed_size_partitioner(2), reuse=tf.AUTO_REUSE):
        p = tf.get_variable("v", [4, 2])
        t("same", tf.get_variable("v", [4, 2]) is p)
        t("p", p)
