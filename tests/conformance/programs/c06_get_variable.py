"""Section 6: `get_variable` and `get_local_variable`."""

import numpy as np

from tests.conformance.program import program


@program("6.1")
def names_that_are_no_strings(tf, t):
    for label, name in (("number", 3), ("None", None), ("list", ["a"])):
        if name is not None:
            with t.fails(f"root {label}"):
                tf.get_variable(name, [])
        with tf.variable_scope("s"):
            with t.fails(f"inside {label}"):
                tf.get_variable(name, [])


@program("6.1")
def trainable_and_synchronization(tf, t):
    on_read = tf.VariableSynchronization.ON_READ
    t("default", tf.get_variable("a", []))
    t("on read", tf.get_variable("b", [], synchronization=on_read))
    t("false", tf.get_variable("c", [], trainable=False))
    t("on write", tf.get_variable("e", [], synchronization=tf.VariableSynchronization.ON_WRITE))
    v = tf.get_variable("f", [], aggregation=tf.VariableAggregation.MEAN)
    t("aggregation", v.aggregation)
    t("synchronization", v.synchronization)


@program("6.1")
def explicit_trainable_beats_on_read(tf, t):
    with t.fails("both"):
        t("v", tf.get_variable("d", [], synchronization=tf.VariableSynchronization.ON_READ, trainable=True))


@program("6.1", "6")
def positional_arguments(tf, t):
    t("v", tf.get_variable("v", [2], tf.float64, tf.ones_initializer(), None, False, ["mine"]))
    with tf.variable_scope("", reuse=True):
        t("found", tf.get_variable("v", [2], tf.float64))


@program("6.2")
def exists_already(tf, t):
    tf.get_variable("v", [2])
    with t.fails("again", "Variable v"):
        tf.get_variable("v", [2])
    with tf.variable_scope("s"):
        tf.get_variable("v", [2])
        with t.fails("in scope", "Variable s/v"):
            tf.get_variable("v", [2])


@program("6.2")
def shapes_on_a_hit(tf, t):
    v = tf.get_variable("v", [2, 3])
    with tf.variable_scope("", reuse=True):
        for label, shape in (
            ("none", None),
            ("equal", [2, 3]),
            ("tuple", (2, 3)),
            ("partly", [2, None]),
            ("both open", [None, None]),
            ("object", tf.TensorShape([None, 3])),
            ("unknown", tf.TensorShape(None)),
        ):
            t(label, tf.get_variable("v", shape) is v)
        for label, shape in (("other", [3, 2]), ("rank", [6]), ("scalar", []), ("number", 2), ("longer", [2, 3, 1])):
            with t.fails(label, "Variable", "v"):
                tf.get_variable("v", shape)


@program("6.2")
def a_number_as_shape_on_a_hit(tf, t):
    v = tf.get_variable("v", 3)
    t("v", v)
    with tf.variable_scope("", reuse=True):
        t("int", tf.get_variable("v", 3) is v)
        t("list", tf.get_variable("v", [3]) is v)
        with t.fails("other"):
            tf.get_variable("v", 4)


@program("6.2", covers="dtype-on-a-hit 17.6")
def a_bare_look_up_of_another_dtype(tf, t):
    h = tf.get_variable("h", [2], dtype=tf.float16)
    with tf.variable_scope("", reuse=True):
        with t.fails("bare", "float32", "float16"):
            tf.get_variable("h")
        t("with dtype", tf.get_variable("h", dtype=tf.float16) is h)
        t("by string", tf.get_variable("h", dtype="float16") is h)
        t("of the variable", tf.get_variable("h", dtype=h.dtype) is h)
    with tf.variable_scope("", reuse=True, dtype=tf.float16):
        t("scope dtype", tf.get_variable("h") is h)
        with t.fails("explicit float32"):
            tf.get_variable("h", dtype=tf.float32)


@program("6.2")
def constants_on_a_hit(tf, t):
    v = tf.get_variable("v", initializer=np.zeros(3, np.float32))
    with tf.variable_scope("", reuse=True):
        t("same", tf.get_variable("v", initializer=np.ones(3, np.float32)) is v)
        t("other shape", tf.get_variable("v", initializer=np.ones(5, np.float32)) is v)
        t("float64 values", tf.get_variable("v", initializer=np.ones(3, np.float64)) is v)
        with t.fails("with shape"):
            tf.get_variable("v", [3], initializer=np.ones(3, np.float32))
        with t.fails("float16 values"):
            tf.get_variable("v", initializer=np.ones(3, np.float16))
        with t.fails("dtype not matching"):
            tf.get_variable("v", dtype=tf.float32, initializer=np.ones(3, np.int32))


@program("6.2")
def ignored_on_a_hit(tf, t):
    v = tf.get_variable("v", [2])
    with tf.variable_scope("", reuse=True):
        same = tf.get_variable(
            "v",
            [2],
            trainable=False,
            collections=["mine"],
            regularizer=lambda v: 1.0,
            constraint=lambda v: v,
            initializer=tf.ones_initializer(),
        )
    t("same", same is v)
    t("v", v)


@program("6.2")
def raw_variables_are_not_in_the_store(tf, t):
    raw = tf.Variable(1.0, name="raw")
    with tf.variable_scope("", reuse=True):
        with t.fails("reuse"):
            tf.get_variable("raw", [])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        v = tf.get_variable("raw", [])
        t("auto", v)
        t("other", v is raw)
        t("again", tf.get_variable("raw", []) is v)


@program("6.3")
def shapes_of_all_kinds(tf, t):
    for number, shape in enumerate(
        (
            3,
            [],
            (),
            [2, 3],
            (4,),
            tf.TensorShape([2, 1]),
            np.int64(3),
            np.array([2, 2]),
            [np.int32(1), 2],
            [0, 3],
            [tf.Dimension(2), 3],
            tf.Dimension(5),
        )
    ):
        with t.fails(f"none {number}"):
            t(f"shape {number}", tf.get_variable(f"v{number}", shape))


@program("6.3")
def shapes_that_are_refused(tf, t):
    for number, shape in enumerate(([-1], [2.5], ["a"], "abc", [[1]], object(), [2, None], [None])):
        with t.fails(f"shape {number}"):
            tf.get_variable("v", shape)
    t("nothing left behind", tf.get_variable("v", [2]))


@program("6.3")
def no_shape_at_all(tf, t):
    with t.fails("none", "v"):
        tf.get_variable("v")
    with t.fails("initializer object"):
        tf.get_variable("v", initializer=tf.ones_initializer())
    with t.fails("initializer class"):
        tf.get_variable("v", initializer=tf.zeros_initializer)
    with t.fails("partly known"):
        tf.get_variable("v", [None, 2], initializer=tf.ones_initializer())
    with t.fails("function with arguments"):
        tf.get_variable("v", initializer=lambda shape, dtype: 1)
    with tf.variable_scope("s", initializer=tf.ones_initializer()):
        with t.fails("scope initializer"):
            tf.get_variable("v")
    t("then", tf.get_variable("v", [2]))


@program("6.4")
def default_initializers_by_dtype(tf, t):
    for dtype in (tf.float16, tf.float32, tf.float64, tf.bfloat16):
        t(dtype.name, tf.get_variable(f"v_{dtype.name}", [2], dtype=dtype))
    for dtype in (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.bool):
        v = tf.get_variable(f"v_{dtype.name}", [2], dtype=dtype)
        t(dtype.name, v)
        t.value(f"{dtype.name} values", v)


@program("6.4")
def default_initializer_of_strings(tf, t):
    v = tf.get_variable("v", [2], dtype=tf.string)
    t("v", v)
    t.value("values", v)


@program("6.4")
def no_default_initializer(tf, t):
    for dtype in (tf.complex64, tf.complex128, tf.qint8, tf.quint8):
        with t.fails(dtype.name, dtype.name, "v"):
            tf.get_variable("v", [2], dtype=dtype)
    t("complex given", tf.get_variable("c", dtype=tf.complex64, initializer=np.zeros(2, np.complex64)))


@program("6.4")
def initializer_instances_and_classes(tf, t):
    for number, initializer in enumerate(
        (tf.ones_initializer(), tf.ones_initializer, tf.zeros_initializer, tf.zeros_initializer())
    ):
        v = tf.get_variable(f"v{number}", [2], initializer=initializer)
        t(f"v {number}", v)
        t.value(f"values {number}", v)


@program("6.4")
def what_an_initializer_is_called_with(tf, t):
    seen = []

    def positional(shape, dtype=None, partition_info=None):
        seen.append(["info", list(shape), dtype, partition_info is None])
        return np.ones(shape, np.float32)

    def keywords(shape, dtype):
        seen.append(["plain", list(shape), dtype])
        return np.ones(shape, np.float32)

    class Object:
        def __call__(self, shape, dtype=None):
            seen.append(["object", list(shape), dtype])
            return np.ones(shape, np.float32)

    t("with info", tf.get_variable("a", [2, 3], initializer=positional))
    t("plain", tf.get_variable("b", 4, initializer=keywords))
    t("object", tf.get_variable("c", (), initializer=Object()))
    t("seen", seen)
    with tf.variable_scope("", reuse=True):
        tf.get_variable("a", [2, 3], initializer=positional)
    t("not on reuse", len(seen))


@program("6.4", covers="no-argument-callables 17.7")
def callables_without_arguments(tf, t):
    v = tf.get_variable("v", initializer=lambda: [1.0, 2.0])
    t("v", v)
    t.value("values", v)
    t("default arguments", tf.get_variable("w", initializer=lambda a=3: a))
    t("dtype ignored", tf.get_variable("x", dtype=tf.int64, initializer=lambda: [2]))
    with t.fails("with shape"):
        tf.get_variable("y", [1], initializer=lambda: [2])
    with tf.variable_scope("s", dtype=tf.float16):
        t("scope dtype ignored", tf.get_variable("z", initializer=lambda: [2]))
    with tf.variable_scope("s2", initializer=lambda: np.float64(3.0)):
        t("of the scope", tf.get_variable("z"))


@program("6.4", covers="scope-dtype-and-constants 17.7")
def constants(tf, t):
    for label, value in (
        ("int", 1),
        ("float", 1.5),
        ("bool", True),
        ("list", [1, 2]),
        ("nested", [[1.0, 2.0], [3.0, 4.0]]),
        ("float64", np.float64(2.0)),
        ("array", np.arange(3, dtype=np.int16)),
        ("string", "text"),
        ("complex", 1j),
    ):
        v = tf.get_variable(f"v_{label}", initializer=value)
        t(label, v)
        if label != "complex":
            t.value(f"{label} value", v)
    with tf.variable_scope("s", dtype=tf.float16):
        t("in a float16 scope", tf.get_variable("c", initializer=1))


@program("6.4")
def a_tensor_as_initializer(tf, t):
    c = tf.constant([1.0, 2.0], name="c")
    v = tf.get_variable("v", initializer=c)
    t("v", v)
    t.value("values", v)
    with t.fails("with shape"):
        tf.get_variable("w", [2], initializer=c)
    t("zeros", tf.get_variable("z", initializer=tf.zeros([2, 3], tf.int32)))


@program("6.4")
def constants_with_a_shape(tf, t):
    for number, (value, shape) in enumerate(((1.0, []), ([1.0], [1]), (np.ones(2), [2]), (3, 1))):
        with t.fails(f"{number}"):
            tf.get_variable("v", shape, initializer=value)
    t("then", tf.get_variable("v", initializer=1.0))


@program("6.4", covers="scope-dtype-and-constants")
def constants_with_a_dtype(tf, t):
    for number, (value, dtype) in enumerate(
        ((1, tf.float32), (1.0, tf.int32), (np.ones(2, np.float64), tf.float32), (True, tf.int32))
    ):
        with t.fails(f"{number}"):
            tf.get_variable("v", dtype=dtype, initializer=value)
    t("matching", tf.get_variable("w", dtype=tf.float64, initializer=np.ones(2)))
    t("int", tf.get_variable("x", dtype=tf.int32, initializer=3))


@program("6.4")
def initializers_that_cannot_be_converted(tf, t):
    for label, value in (("dict", {}), ("object", object()), ("set", {1})):
        with t.fails(label):
            tf.get_variable("v", initializer=value)
    t("then", tf.get_variable("v", []))


@program("6.4")
def constant_initializer_repeats_its_last_value(tf, t):
    v = tf.get_variable("v", [4], initializer=tf.constant_initializer([1.0, 2.0]))
    t("v", v)
    t.value("values", v)
    w = tf.get_variable("w", [2, 2], initializer=tf.constant_initializer(7))
    t("w", w)
    t.value("scalar", w)
    x = tf.get_variable("x", [2], dtype=tf.int32, initializer=tf.constant_initializer([3, 4]))
    t("x", x)
    t.value("ints", x)


@program("6.4")
def constant_initializer_with_too_many_values(tf, t):
    with t.fails("too many"):
        tf.get_variable("v", [2], initializer=tf.constant_initializer([1.0, 2.0, 3.0]))


@program("6.4")
def an_initializer_of_another_shape(tf, t):
    with t.fails("shape"):
        tf.get_variable("v", [2], initializer=lambda shape, dtype=None: np.ones(3, np.float32))
    with t.fails("rank"):
        tf.get_variable("w", [2], initializer=lambda shape, dtype=None: np.ones((2, 1), np.float32))


@program("6.4")
def an_initializer_that_raises(tf, t):
    def bad(shape, dtype=None):
        raise KeyError("broken")

    with t.fails("raises", "broken"):
        tf.get_variable("v", [2], initializer=bad)
    t("variables", tf.global_variables())
    with tf.variable_scope("", reuse=True):
        with t.fails("not stored"):
            tf.get_variable("v", [2])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        t("retry", tf.get_variable("v", [2]))


@program("6.4")
def dtypes_of_all_kinds(tf, t):
    base = tf.get_variable("base", [2], dtype=tf.float64)
    for number, dtype in enumerate((tf.float64, np.float64, "float64", np.dtype("float64"), base.dtype, float)):
        with t.fails(f"none {number}"):
            t(f"dtype {number}", tf.get_variable(f"v{number}", [2], dtype=dtype))
    for label, dtype in (("word", "nonsense"), ("object", object())):
        with t.fails(label):
            tf.get_variable("w", [2], dtype=dtype)


@program("6.4")
def validate_shape(tf, t):
    v = tf.get_variable("v", initializer=np.ones(3, np.float32), validate_shape=False)
    t("v", v)
    with tf.variable_scope("", reuse=True):
        t("any shape", tf.get_variable("v", [7, 7]) is v)
    t("with a shape", tf.get_variable("w", [2], validate_shape=False))


@program("6.4")
def a_scope_initializer_that_is_a_constant(tf, t):
    with tf.variable_scope("s", initializer=[1.0, 2.0]):
        v = tf.get_variable("v")
        t("v", v)
        t.value("values", v)
        with t.fails("with shape"):
            tf.get_variable("w", [2])
        t("own", tf.get_variable("x", [3], initializer=tf.ones_initializer()))


@program("6.4")
def ready_made_initializers(tf, t):
    for label, initializer in (
        ("uniform", tf.random_uniform_initializer(-1.0, 1.0, seed=1)),
        ("normal", tf.random_normal_initializer(stddev=0.1)),
        ("truncated", tf.truncated_normal_initializer(stddev=0.1)),
        ("scaling", tf.variance_scaling_initializer()),
        ("uniform scaling", tf.uniform_unit_scaling_initializer()),
        ("glorot uniform", tf.glorot_uniform_initializer()),
        ("glorot normal", tf.glorot_normal_initializer()),
        ("orthogonal", tf.orthogonal_initializer()),
        ("he normal", tf.initializers.he_normal()),
        ("he uniform", tf.initializers.he_uniform()),
        ("lecun normal", tf.initializers.lecun_normal()),
        ("lecun uniform", tf.initializers.lecun_uniform()),
        ("zeros", tf.initializers.zeros()),
        ("ones", tf.initializers.ones()),
        ("constant", tf.initializers.constant(2.0)),
        ("random uniform", tf.initializers.random_uniform(0.0, 1.0)),
        ("random normal", tf.initializers.random_normal()),
        ("truncated normal", tf.initializers.truncated_normal()),
        ("variance scaling", tf.initializers.variance_scaling(distribution="uniform")),
        ("orthogonal too", tf.initializers.orthogonal()),
        ("identity", tf.initializers.identity()),
    ):
        t(label, tf.get_variable(label.replace(" ", "_"), [3, 3], initializer=initializer))


@program("6.4")
def identity_values(tf, t):
    v = tf.get_variable("v", [2, 3], initializer=tf.initializers.identity(gain=2.0))
    t("v", v)
    t.value("values", v)
    with t.fails("rank 1"):
        tf.get_variable("w", [3], initializer=tf.initializers.identity())


@program("6.4")
def orthogonal_needs_two_dimensions(tf, t):
    with t.fails("rank 1"):
        tf.get_variable("w", [3], initializer=tf.orthogonal_initializer())


@program("6.4")
def initializers_of_integer_variables(tf, t):
    for label, initializer in (("ones", tf.ones_initializer()), ("zeros", tf.zeros_initializer())):
        v = tf.get_variable(label, [2], dtype=tf.int64, initializer=initializer)
        t(label, v)
        t.value(f"{label} values", v)
    with t.fails("glorot"):
        tf.get_variable("g", [2], dtype=tf.int32, initializer=tf.glorot_uniform_initializer())
    v = tf.get_variable("truth", [2], dtype=tf.bool, initializer=tf.ones_initializer())
    t.value("bools", v)


@program("6.5", covers="local-collection-stays-trainable 17.8")
def trainability_and_collections(tf, t):
    keys = tf.GraphKeys
    calls = {
        "default": {},
        "not_trainable": {"trainable": False},
        "mine": {"collections": ["mine"]},
        "nothing": {"collections": []},
        "local": {"collections": [keys.LOCAL_VARIABLES]},
        "mine_not_trainable": {"collections": ["mine"], "trainable": False},
        "twice": {"collections": ["mine", "mine"]},
        "named": {"collections": ["mine", keys.TRAINABLE_VARIABLES]},
        "named_not_trainable": {"collections": ["mine", keys.TRAINABLE_VARIABLES], "trainable": False},
        "global": {"collections": [keys.GLOBAL_VARIABLES, "mine"]},
        "tuple": {"collections": ("mine",)},
        "set": {"collections": {"mine"}},
    }
    for name, arguments in calls.items():
        t(name, tf.get_variable(name, [], **arguments))


@program("6.5")
def collections_of_another_type(tf, t):
    for label, value in (("string", "mine"), ("number", 5), ("dict", {"a": 1})):
        with t.fails(label):
            tf.get_variable(f"v_{label}", [], collections=value)
    t("variables", tf.global_variables())


@program("6.5")
def the_passed_list_stays(tf, t):
    given = ["mine"]
    tf.get_variable("v", [], collections=given)
    t("list", given)


@program("6.6", covers="regularizer-runs-twice", mended={"seen last": ["s/v:0", "s/v/Regularizer"]})
def where_a_regularizer_runs(tf, t):
    seen = []

    def regularizer(v):
        seen.append((v.name, tf.get_default_graph().get_name_scope()))
        return

    with tf.variable_scope("s"):
        tf.get_variable("v", [2], regularizer=regularizer)
    t("seen last", seen[-1])
    t("losses", tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))


@program("6.6")
def regularization_losses(tf, t):
    def regularizer(v):
        return tf.constant(0.5, name="half")

    with tf.variable_scope("s", regularizer=regularizer):
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
        tf.get_variable("w", [2], trainable=False)
        tf.get_variable("i", [2], dtype=tf.int32)
        tf.get_local_variable("l", [2])
        tf.get_variable("c", [2], collections=["mine"])
        tf.Variable(1.0, name="raw")
    with tf.variable_scope("s", regularizer=regularizer, reuse=True):
        tf.get_variable("v")
    t("names", [loss.name for loss in tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)])
    t("v", v)


@program("6.6", "1.3")
def losses_are_named_by_the_key(tf, t):
    tf.Variable(1.0, name="v")
    t("v", tf.get_variable("v", [], regularizer=lambda v: tf.constant(1.0, name="loss")))

    def rename(next_creator, **kwargs):
        return next_creator(**{**kwargs, "name": "renamed"})

    with tf.variable_creator_scope(rename):
        t("w", tf.get_variable("w", [], regularizer=lambda v: tf.constant(1.0, name="loss")))
        t("none", tf.get_variable("_x", [], regularizer=lambda v: None))


@program("6.6")
def a_number_as_regularization_loss(tf, t):
    tf.get_variable("v", [], regularizer=lambda v: 0.5)
    t("count", len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))
    tf.get_default_graph().clear_collection(tf.GraphKeys.REGULARIZATION_LOSSES)


@program("6.6")
def a_regularizer_that_answers_none(tf, t):
    tf.get_variable("v", [], regularizer=lambda v: None)
    t("losses", tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))


@program("6.6", covers="regularizer-runs-twice 17.9", mended={"calls": 1})
def a_regularizer_runs_once(tf, t):
    calls = []

    def regularizer(v):
        calls.append(v)
        return tf.constant(0.5, name="half")

    tf.get_variable("v", [], regularizer=regularizer)
    t("calls", len(calls))


@program(
    "6.6",
    covers="failing-regularizer 17.9",
    mended={
        "variables": [],
        "retry": "<variable v:0 float32 []>",
    },
)
def a_failing_regularizer_leaves_nothing(tf, t):
    def bad(v):
        raise KeyError("no loss")

    with t.fails("raises", "no loss"):
        tf.get_variable("v", [], regularizer=bad)
    t("variables", tf.global_variables())
    try:
        t("retry", tf.get_variable("v", []))
    except ValueError:
        t("retry", "already exists")


@program("6.6", covers="failing-regularizer", mended={"at the end": {}})
def a_regularizer_that_cannot_be_called(tf, t):
    with t.fails("number"):
        tf.get_variable("v", [], regularizer=5)


@program("6.7")
def constraints(tf, t):
    def clip(v):
        return v

    v = tf.get_variable("v", [], constraint=clip)
    t("kept", v.constraint is clip)
    t("none", tf.get_variable("w", []).constraint)
    for label, value in (("number", 3), ("string", "x")):
        with t.fails(label):
            tf.get_variable(f"bad_{label}", [], constraint=value)


@program("6.7")
def modes_that_do_not_exist(tf, t):
    with t.fails("synchronization"):
        tf.get_variable("v", [], synchronization="nonsense")
    with t.fails("aggregation"):
        tf.get_variable("w", [], aggregation="nonsense")
    t("members", [member.name for member in tf.VariableSynchronization])
    t("more members", [member.name for member in tf.VariableAggregation])


@program("6.7")
def modes_by_their_numbers(tf, t):
    for number in (0, 1, 3, 4):
        with t.fails(f"aggregation {number}"):
            t(f"a{number}", tf.get_variable(f"a{number}", [], aggregation=number).aggregation.name)
        with t.fails(f"synchronization {number}"):
            variable = tf.get_variable(f"s{number}", [], synchronization=number)
            t(f"s{number}", [variable.synchronization.name, variable.trainable])
    t("none", tf.get_variable("n", [], aggregation=None, synchronization=None).synchronization.name)


@program("6.7")
def trainable_of_any_value(tf, t):
    t("word", tf.get_variable("a", [], trainable="x"))
    t("one", tf.get_variable("b", [], trainable=1))
    t("zero", tf.get_variable("c", [], trainable=0))


@program("6.8")
def local_variables(tf, t):
    with tf.variable_scope("s"):
        v = tf.get_local_variable("v", [2])
        t("v", v)
        t("trainable asked", tf.get_local_variable("w", [2], trainable=True))
        t("collections", tf.get_local_variable("x", [2], collections=["mine"]))
        t("empty collections", tf.get_local_variable("y", [2], collections=[]))
        with t.fails("same store"):
            tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        t("found", tf.get_variable("v", [2]) is v)
        t("found as local", tf.get_local_variable("v", [2]) is v)


@program("6.8", covers="local-extends-the-list 17.8", mended={"list": ["mine"]})
def the_callers_list_is_not_extended(tf, t):
    given = ["mine"]
    t("v", tf.get_local_variable("v", [], collections=given))
    t("list", given)


@program("6.8")
def a_global_variable_looked_up_as_local(tf, t):
    v = tf.get_variable("v", [])
    with tf.variable_scope("", reuse=True):
        t("same", tf.get_local_variable("v", []) is v)
    t("v", v)


@program("6.8")
def local_variable_settings(tf, t):
    with tf.variable_scope("s", dtype=tf.float64, initializer=tf.ones_initializer()):
        v = tf.get_local_variable("v", [2])
        t("v", v)
        t.value("values", v)
    with t.fails("bad collections"):
        tf.get_local_variable("w", [], collections="mine")
    with t.fails("no shape"):
        tf.get_local_variable("w")


@program("6.9")
def variable_ops_ignore_the_name_scope(tf, t):
    with tf.name_scope("n"):
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
        t("initializer", v.initializer.name)
        t("op", v.op.name)


@program("6", "6.2")
def use_resource(tf, t):
    v = tf.get_variable("v", [2], use_resource=False)
    t("v", v)
    with tf.variable_scope("s", use_resource=True) as scope:
        t("scope", scope)
        w = tf.get_variable("w", [2])
        t("w", w)
        t("dtype", w.dtype.base_dtype)


@program("6")
def method_of_the_scope_object(tf, t):
    with tf.variable_scope("s") as scope:
        t("name", scope.name)
    t("get_variable through root", tf.get_variable("v", [2], initializer=tf.zeros_initializer()))
