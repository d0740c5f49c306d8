"""What an examiner found who wrote programs from the specification without looking at these."""

import numpy as np

from tests.conformance.program import program


@program("6", covers="17.7")
def constants_in_lists(tf, t):
    values = {
        "NumPy's floats": [np.float64(1), np.float64(2)],
        "a float and a NumPy float": [1.0, np.float32(2)],
        "an int and a NumPy float": [1, np.float64(2)],
        "a NumPy int and an int": [np.int64(1), 2],
        "small NumPy ints": [np.uint8(1)],
        "a small NumPy int and an int": [np.int8(1), 1],
        "half floats": [np.float16(1)],
        "a half float and a float": [np.float16(1), 2.0],
        "NumPy's ints and floats": [np.int64(1), np.float64(2)],
        "a truth and an int": [True, 1],
        "a truth and a float": [True, 1.5],
        "truths": [np.bool_(True), False],
        "an int and a complex": [1, 1j],
        "nested": [[np.float64(1)], [2.0]],
        "a list and an array": [[1.0, 2.0], np.ones(2)],
        "large ints": [2**40, 1],
        "a large NumPy int": [np.int64(2**40)],
        "beyond 63 bits": 2**63,
        "a range": range(3),
        "an empty range": range(0),
        "a tensor and a float": [tf.constant(1.0), 2.0],
        "tensors": [tf.constant([1, 2]), tf.constant([3, 4])],
        "text": ["a", b"b", np.str_("c")],
        "a NumPy float": np.float64(1),
        "a NumPy truth": np.bool_(True),
    }
    for number, (label, value) in enumerate(values.items()):
        t(label, tf.get_variable(f"shared_{number}", initializer=value))
        t(f"{label}, raw", tf.Variable(value, name=f"raw_{number}"))
        with t.fails(f"{label}, as float64"):
            tf.Variable(value, name=f"float_{number}", dtype=tf.float64)
        with t.fails(f"{label}, as int64"):
            tf.Variable(value, name=f"int_{number}", dtype=tf.int64)


@program("6")
def values_that_are_none(tf, t):
    for label, value in {
        "a number and text": [1, "a"],
        "with None": [1.0, None],
        "lists of different lengths": [[1, 2], [3]],
        "too large an int": 10**30,
        "a set": {1},
    }.items():
        with t.fails(label):
            tf.get_variable("v", initializer=value)
        with t.fails(f"{label}, raw"):
            tf.Variable(value)
    for label, made in {"None": None, "lists of different lengths": [[1, 2], [3]]}.items():
        with t.fails(f"an initializer returns {label}"):
            tf.get_variable("w", [2], initializer=lambda shape, dtype, made=made: made)


@program("7")
def odd_names_of_raw_variables(tf, t):
    t("no name", tf.Variable(1.0, name=""))
    with tf.name_scope("s"):
        t("no name in a scope", tf.Variable(1.0, name=""))
        with t.fails("a slash in a scope"):
            tf.Variable(1.0, name="/")
        t("a slash first", tf.Variable(1.0, name="/a"))
    with t.fails("a slash"):
        tf.Variable(1.0, name="/")
    with t.fails("another shape"):
        tf.Variable([1, 2], shape=[3], name="b")


@program("2")
def a_name_scope_says_its_name(tf, t):
    t("by name", tf.name_scope("a").name)
    t("by default", tf.name_scope(None, "b").name)
    with t.fails("a name that is none", "name_scope"):
        tf.name_scope(None, 3).__enter__()


@program("3", "12")
def items_without_names_are_in_no_scope(tf, t):
    with tf.variable_scope("s") as scope:
        variable = tf.get_variable("v", [])
    for item in (5, variable, "text"):
        tf.add_to_collection("mixed", item)
    t("the collection", tf.get_collection("mixed"))
    t("the root's", tf.get_variable_scope().get_collection("mixed"))
    t("the scope's", scope.get_collection("mixed"))


@program("11")
def an_empty_unique_name(tf, t):
    def body():
        return tf.get_variable("x", []), tf.get_variable_scope()

    lazy = tf.make_template("n", body, unique_name_="")
    t("lazily", lazy())
    t("its name", lazy.variable_scope_name)
    now = tf.make_template("n", body, create_scope_now_=True, unique_name_="")
    t("now", now())
    t("another", tf.make_template("n", body, create_scope_now_=True, unique_name_="")())
    with t.fails("lazily again"):
        tf.make_template("m", body, unique_name_="")()


@program("12")
def a_global_step_must_be_a_tensor(tf, t):
    with t.fails("a number", "must be a Variable or Tensor"):
        tf.train.assert_global_step(3)
    tf.train.assert_global_step(tf.train.get_or_create_global_step())


@program("6", "3.4")
def scopes_in_an_initializer(tf, t):
    def initializer(shape, dtype=None, partition_info=None):
        t("name scope", tf.get_default_graph().get_name_scope())
        with tf.variable_scope(None, "unit") as scope:
            t("inside", scope.name)
            tf.get_variable("other", shape)
        return np.ones(shape, np.float32)

    with tf.variable_scope("s"):
        with tf.name_scope("ops"):
            t("v", tf.get_variable("v", [2], initializer=initializer))
        with tf.variable_scope(None, "unit") as scope:
            t("after", scope)
    with tf.variable_scope("s"), tf.variable_scope(None, "unit") as scope:
        t("again", scope)


@program("6")
def an_identity_of_any_number(tf, t):
    t("complex", tf.get_variable("c", [2, 3], tf.complex64, initializer=tf.initializers.identity()))
    with t.fails("made for integers"):
        tf.initializers.identity(dtype=tf.int32)
    with t.fails("integers"):
        tf.get_variable("j", [2, 2], tf.int32, initializer=tf.initializers.identity())


@program("9", "12", "11")
def getters_of_real_projects(tf, t):
    with tf.variable_scope("model"):
        parameters = [tf.get_variable(name, [2]) for name in "ab"]
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply(parameters)
    tf.get_default_graph().clear_collection("cond_context")  # of TensorFlow's own ops

    def averaged(getter, *args, **kwargs):
        return average.average(getter(*args, **kwargs))

    with tf.variable_scope("", custom_getter=averaged, reuse=True), tf.variable_scope("model"):
        t("an average", tf.get_variable("a", [2]))

    def renamed(getter, name, *args, **kwargs):
        return getter(name.replace("kernel", "W"), *args, **kwargs)

    with tf.variable_scope("block"):
        with tf.variable_scope(tf.get_variable_scope(), custom_getter=renamed, auxiliary_name_scope=False) as scope:
            t("the scope again", scope)
            t("renamed", tf.get_variable("kernel", [1]))

    def local(getter, *args, **kwargs):
        keys = kwargs["collections"] or [tf.GraphKeys.GLOBAL_VARIABLES]
        kwargs["collections"] = [
            tf.GraphKeys.LOCAL_VARIABLES if key == tf.GraphKeys.GLOBAL_VARIABLES else key for key in keys
        ]
        return getter(*args, **kwargs)

    with tf.variable_scope("v0", custom_getter=local, reuse=tf.AUTO_REUSE):
        t("local", tf.get_variable("g", [1]))
        t("local, not trained", tf.get_variable("h", [1], trainable=False, collections=["variables", "extra"]))

    now = tf.get_variable_scope()
    by_hand = tf.VariableScope(now.reuse, custom_getter=now.custom_getter, caching_device=now.caching_device)
    with tf.variable_scope(by_hand), tf.variable_scope("layer"), tf.variable_scope("w") as scope:
        t("by hand", [scope, tf.get_variable("var", [2])])
