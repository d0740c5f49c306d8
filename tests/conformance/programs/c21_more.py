"""Combinations: what real builder code does with several sections at once."""

import numpy as np

from tests.conformance.program import program


@program("3.2", "2")
def scopes_by_exit_stack(tf, t):
    import contextlib

    with contextlib.ExitStack() as stack:
        for name in ("a", "b", "c"):
            stack.enter_context(tf.variable_scope(name))
        t("v", tf.get_variable("v", []))
        t("name scope", tf.get_default_graph().get_name_scope())
    t("after", tf.get_variable_scope().name)


@program("3.3", "4")
def a_scope_stored_in_an_object(tf, t):
    class Layer:
        def __init__(self, name):
            with tf.variable_scope(None, name) as self.scope:
                pass
            self.built = False

        def __call__(self, size):
            with tf.variable_scope(self.scope, reuse=self.built):
                self.built = True
                return [
                    tf.get_variable("w", [size, size]),
                    tf.get_variable("b", [size], initializer=tf.zeros_initializer()),
                ]

    with tf.variable_scope("net"):
        layers = [Layer("dense") for _ in range(2)]
        first = [layer(2) for layer in layers]
    t("first", first)
    with tf.variable_scope("other"):
        t(
            "shared",
            [[a is b for a, b in zip(x, layer(2), strict=True)] for x, layer in zip(first, layers, strict=True)],
        )


@program("4", "6.2")
def try_reuse_then_create(tf, t):
    def get(name):
        try:
            with tf.variable_scope("s", reuse=True):
                return tf.get_variable(name, [2])
        except ValueError:
            with tf.variable_scope("s"):
                return tf.get_variable(name, [2])

    t("first", get("v"))
    t("second", get("v") is get("v"))
    t("op", tf.constant(1.0, name="s/c").name)
    with tf.variable_scope("s") as scope:
        t("scope", scope)


@program("4", "3.7")
def reuse_variables_in_a_loop(tf, t):
    found = []
    with tf.variable_scope("rnn") as scope:
        for step in range(3):
            if step > 0:
                scope.reuse_variables()
            with tf.variable_scope("cell"):
                found.append(tf.get_variable("kernel", [2, 4]))
                t(f"op {step}", tf.constant(0.0, name="c").name)
    t("same", [v is found[0] for v in found])
    t("reuse", scope.reuse)


@program("4", "3.7")
def towers_over_devices(tf, t):
    for tower in range(2):
        with tf.device(f"/gpu:{tower}"), tf.name_scope(f"tower_{tower}"):
            with tf.variable_scope("model", reuse=tower > 0):
                t(f"v {tower}", tf.get_variable("v", []))
                t(f"c {tower}", tf.constant(0.0, name="c"))
            tf.get_variable_scope().reuse_variables()
    t("root reuse", tf.get_variable_scope().reuse)


@program("9", "6.4")
def float32_storage_of_half_variables(tf, t):
    def getter(
        getter, name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=True, *args, **kwargs
    ):
        storage = tf.float32 if trainable else dtype
        return getter(
            name,
            shape,
            dtype=storage,
            initializer=initializer,
            regularizer=regularizer,
            trainable=trainable,
            *args,
            **kwargs,
        )

    with tf.variable_scope("fp16", custom_getter=getter, dtype=tf.float16):
        t("v", tf.get_variable("v", [2]))
        t("moving", tf.get_variable("moving", [2], trainable=False))


@program("9", "11")
def a_getter_that_freezes_by_name(tf, t):
    def freeze(getter, name, *args, **kwargs):
        if name.startswith("net/frozen"):
            kwargs["trainable"] = False
        return getter(name, *args, **kwargs)

    with tf.variable_scope("net", custom_getter=freeze):
        for part in ("frozen", "free"):
            with tf.variable_scope(part):
                tf.get_variable("w", [2])
    t("trainable", tf.trainable_variables())
    t("of the scope", tf.trainable_variables("net/"))


@program("9")
def getters_that_count_depth(tf, t):
    order = []

    def named(label):
        def getter(getter, name, *args, **kwargs):
            order.append(f"{label} in")
            found = getter(name, *args, **kwargs)
            order.append(f"{label} out")
            return found

        return getter

    with tf.variable_scope("a", custom_getter=named("a")):
        with tf.variable_scope("b", custom_getter=named("b")) as b:
            tf.get_variable("v", [])
    with tf.variable_scope(b, custom_getter=named("c"), reuse=True):
        tf.get_variable("v", [])
    t("order", order)


@program("11", "9")
def a_template_that_averages(tf, t):
    averages = {}

    def averaged(getter, name, *args, **kwargs):
        found = getter(name, *args, **kwargs)
        return averages.get(found.op.name, found)

    def net():
        return tf.get_variable("w", [2])

    online = tf.make_template("net", net)
    w = online()
    with tf.variable_scope("", reuse=True):
        target = tf.make_template("target", net, unique_name_="net", custom_getter_=averaged)
        t("plain", target() is w)
    averages[w.op.name] = tf.Variable([0.0, 0.0], name="average", trainable=False)
    t("averaged", target())


@program("11", "10")
def a_template_with_a_partitioned_embedding(tf, t):
    def net():
        with tf.variable_scope("embedding", partitioner=tf.fixed_size_partitioner(3)):
            return tf.get_variable("table", [7, 2])

    template = tf.make_template("net", net)
    first = template()
    t("first", first)
    t("shared", template() is first)
    t("names", [v.op.name for v in template.trainable_variables])


@program("11", "12")
def the_global_step_in_a_template(tf, t):
    template = tf.make_template("s", lambda: tf.train.get_or_create_global_step())
    t("first", template())
    t("again", template() is template())
    t("outside", tf.train.get_global_step())


@program("11", "13")
def one_function_in_two_graphs(tf, t):
    def build():
        template = tf.make_template("s", lambda: tf.get_variable("x", []))
        template()
        return [v.name for v in template.variables]

    with tf.Graph().as_default():
        t("one", build())
        t("one again", build())
    with tf.Graph().as_default():
        t("two", build())


@program("11", "3.4")
def templates_and_layers_side_by_side(tf, t):
    def dense(name=None):
        with tf.variable_scope(name, "dense"):
            return tf.get_variable("kernel", [2, 2])

    encoder = tf.make_template("encoder", lambda: [dense(), dense(), dense("out")])
    decoder = tf.make_template("decoder", lambda: [dense(), encoder()])
    t("encoder", encoder())
    t("decoder", decoder())
    t("again", [v.name for v in encoder()])
    t("outside", [dense(), dense()])
    t("variables", [v.name for v in decoder.variables])


@program("11")
def a_method_as_a_template(tf, t):
    class Model:
        def __init__(self):
            self.call = tf.make_template("model", self.build, create_scope_now_=True)

        def build(self, size):
            return tf.get_variable("w", [size])

    first, second = Model(), Model()
    t("first", first.call(2))
    t("second", second.call(3))
    with t.fails("other size"):
        first.call(3)
    t("names", [model.call.variable_scope.name for model in (first, second)])


@program("6.4", "6.3")
def a_data_dependent_initial_value(tf, t):
    data = np.arange(6, dtype=np.float32).reshape(2, 3)

    def layer(init):
        if init:
            v = tf.get_variable("v", initializer=tf.constant(data.mean(0)))
        else:
            v = tf.get_variable("v")
        return v

    template = tf.make_template("layer", layer)
    v = template(init=True)
    t("v", v)
    t.value("values", v)
    t("again", template(init=False) is v)


@program("6.8", "12")
def metrics_keep_local_variables(tf, t):
    def metric(name):
        with tf.variable_scope(name, "metric"):
            return [
                tf.get_local_variable(
                    part, [], initializer=tf.zeros_initializer(), collections=[tf.GraphKeys.METRIC_VARIABLES]
                )
                for part in ("total", "count")
            ]

    t("first", metric(None))
    t("second", metric(None))
    t("named", metric("mean"))
    t("metrics", tf.get_collection(tf.GraphKeys.METRIC_VARIABLES))


@program("6.5", "12")
def update_ops_and_moving_statistics(tf, t):
    with tf.variable_scope("bn"):
        tf.get_variable("gamma", [2], initializer=tf.ones_initializer())
        tf.get_variable(
            "moving_mean",
            [2],
            initializer=tf.zeros_initializer(),
            trainable=False,
            collections=[tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MOVING_AVERAGE_VARIABLES],
        )
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, "update")
    t("updates", tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    t("updates of a scope", tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="bn"))
    t("moving", tf.moving_average_variables())


@program("1.3", "11")
def a_name_taken_before_the_template(tf, t):
    tf.constant(1.0, name="s/x")
    template = tf.make_template("s", lambda: tf.get_variable("x", []))
    t("x", template())
    t("again", template() is template())
    t("variables", template.variables)
    with tf.variable_scope("s", reuse=True):
        t("by key", tf.get_variable("x").name)


@program("7", "3.2")
def raw_variables_in_scopes_opened_twice(tf, t):
    for number in range(2):
        with tf.variable_scope("a"), tf.variable_scope("b"):
            t(f"raw {number}", tf.Variable(0.0, name="v"))
    with tf.variable_scope("a/b"):
        t("path", tf.Variable(0.0, name="v"))


@program("5", "9")
def every_setting_through_a_jump(tf, t):
    with tf.variable_scope(
        "s",
        initializer=tf.ones_initializer(),
        regularizer=lambda v: None,
        caching_device="/cpu:0",
        partitioner=tf.fixed_size_partitioner(1),
        custom_getter=lambda getter, name, *args, **kwargs: getter(name, *args, **kwargs),
        dtype=tf.float64,
        use_resource=False,
        reuse=tf.AUTO_REUSE,
    ) as captured:
        pass
    with tf.variable_scope(captured) as jumped:
        t("jumped", jumped)
        t("caching device", jumped.caching_device)
        t("use resource", jumped.use_resource)
    with tf.variable_scope(captured, caching_device="", use_resource=True) as jumped:
        t("changed", jumped.caching_device)
        t("resource", jumped.use_resource)


@program("6.2")
def what_errors_say(tf, t):
    with tf.variable_scope("deep"), tf.variable_scope("scope"):
        tf.get_variable("weights", [2, 3])
        with t.fails("exists", "deep/scope/weights", "Variable deep/scope/weights already exists, disallowed."):
            tf.get_variable("weights", [2, 3])
        with tf.variable_scope("", reuse=True):
            with t.fails("shape", "deep/scope/"):
                tf.get_variable("weights", [3, 2])
    with tf.variable_scope("deep", reuse=True):
        with t.fails("missing", "Variable deep/scope/weight does not exist", "Did you mean to set"):
            tf.get_variable("scope/weight", [2, 3])
        with t.fails("mismatch", "Trying to share variable deep/scope/weights", "(3, 2)", "(2, 3)"):
            tf.get_variable("scope/weights", [3, 2])


@program("8")
def variables_as_keys_and_in_dicts(tf, t):
    v, w = tf.get_variable("v", []), tf.get_variable("w", [])
    table = {v.op.name: v, w.op.name: w}
    t("names", sorted(table))
    t("zipped", [(a.name, b.name) for a, b in zip([v], [w], strict=True)])
    t("sorted", [x.name for x in sorted([w, v], key=lambda x: x.name)])
    t("index", [v, w].index(w))
    t("removed", [x.name for x in {v, w} - {v}])
    t("split", v.name.split(":")[0])
    t("bytes", [x.dtype.base_dtype.size for x in (v, w)])


@program("10", "8")
def sizes_of_partitions(tf, t):
    p = tf.get_variable("p", [10, 4], partitioner=tf.fixed_size_partitioner(3))
    t("shapes", [s.shape.as_list() for s in p])
    t("total", sum(int(np.prod(s.shape.as_list())) for s in p))
    t("shape", p.get_shape().as_list())
    t("dtype", p.dtype.base_dtype.name)
