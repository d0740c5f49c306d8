"""What builder code touches beside scopes: averages, checkpoints, losses, helpers, old spellings."""

from pathlib import Path

import numpy as np

from tests.conformance.program import program

MINITAUR = str(Path(__file__).parents[2] / "data" / "minitaur_policy_v2" / "model.ckpt")
LOGSTD = "network/rnn/policy/logstd"


@program("surface")
def averages_of_variables(tf, t):
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2])
        w = tf.get_variable("w", [], trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.9)
    t("name", ema.name)
    t("before", [ema.average(v), ema.average_name(v)])
    t("op", ema.apply([v, w]).name)
    t("average", ema.average(v))
    t("average of w", ema.average(w))
    t("average name", ema.average_name(v))
    t("restore", ema.variables_to_restore())
    t("again", ema.apply([v]).name)
    t("moving", tf.moving_average_variables())
    t("global", tf.global_variables())
    tf.get_default_graph().clear_collection("cond_context")


@program("surface")
def averages_under_a_scope(tf, t):
    v = tf.get_variable("v", [2])
    with tf.variable_scope("s"), tf.name_scope("n"):
        ema = tf.train.ExponentialMovingAverage(0.9, name="avg")
        t("op", ema.apply().name)
    t("average", ema.average(v))
    t("restore", ema.variables_to_restore())
    tf.get_default_graph().clear_collection("cond_context")


@program("surface")
def two_averages_of_one_variable(tf, t):
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        v = tf.get_variable("v", [2])
        first = tf.train.ExponentialMovingAverage(0.9)
        first.apply([v])
        second = tf.train.ExponentialMovingAverage(0.9)
        second.apply([v])
    t("first", first.average(v))
    t("second", second.average(v))
    t("names", [first.average_name(v), second.average_name(v)])
    t("moving", tf.moving_average_variables())
    tf.get_default_graph().clear_collection("cond_context")


@program("surface")
def averages_under_reuse(tf, t):
    v = tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        with t.fails("apply"):
            tf.train.ExponentialMovingAverage(0.9).apply([v])
    tf.get_default_graph().clear_collection("cond_context")


@program("surface")
def averages_of_integers(tf, t):
    i = tf.get_variable("i", [2], dtype=tf.int32)
    with t.fails("integers"):
        tf.train.ExponentialMovingAverage(0.9).apply([i])
    t("float64", tf.train.ExponentialMovingAverage(0.9).average(tf.get_variable("d", [], dtype=tf.float64)))


@program("surface")
def averages_of_tensors(tf, t):
    c = tf.constant([1.0, 2.0], name="c")
    step = tf.Variable(0, trainable=False, name="step")
    ema = tf.train.ExponentialMovingAverage(0.9, num_updates=step)
    t("op", ema.apply([c]).name)
    t("average", ema.average(c))
    t("name", ema.average_name(c))
    t("restore", ema.variables_to_restore())


@program("surface")
def averages_without_bias(tf, t):
    c = tf.constant([1.0, 2.0], name="c")
    ema = tf.train.ExponentialMovingAverage(0.9, zero_debias=True)
    ema.apply([c])
    t("average", ema.average(c))


@program("surface")
def averages_of_partitions(tf, t):
    p = tf.get_variable("p", [4], partitioner=tf.fixed_size_partitioner(2))
    ema = tf.train.ExponentialMovingAverage(0.9)
    ema.apply(list(p))
    t("names", [ema.average(shard).name for shard in p])
    t("slices", [ema.average(shard)._save_slice_info.spec for shard in p])
    t("whole names", [ema.average(shard)._save_slice_info.full_name for shard in p])
    t("restore", ema.variables_to_restore())
    t("restore of others", ema.variables_to_restore([tf.get_variable("z", [])]))
    tf.get_default_graph().clear_collection("cond_context")


@program("surface")
def initial_values_from_a_checkpoint(tf, t):
    with tf.variable_scope("net"):
        v = tf.get_variable("std", [8])
    tf.train.init_from_checkpoint(MINITAUR, {LOGSTD: "net/std"})
    t.value("values", v)


@program("surface")
def a_whole_scope_from_a_checkpoint(tf, t):
    with tf.variable_scope("mine"), tf.variable_scope("policy"):
        v = tf.get_variable("logstd", [8])
        w = tf.get_variable("fully_connected_2/biases", [8])
    tf.train.init_from_checkpoint(MINITAUR, {"network/rnn/policy/": "mine/policy/"})
    t.value("v", v)
    t.value("w", w)


@program("surface")
def scopes_of_a_checkpoint_at_the_root(tf, t):
    v = tf.get_variable("policy/logstd", [8])
    tf.train.init_from_checkpoint(MINITAUR, {"network/rnn/": "/"})
    t.value("v", v)


@program("surface")
def a_checkpoint_for_everything(tf, t):
    v = tf.get_variable(LOGSTD, [8])
    w = tf.get_variable("network/rnn/policy/fully_connected_2/biases", [8])
    tf.train.init_from_checkpoint(MINITAUR, {"/": "/"})
    t.value("v", v)
    t.value("w", w)


@program("surface")
def a_checkpoint_for_variable_objects(tf, t):
    v = tf.get_variable("v", [8])
    r = tf.Variable(tf.zeros([8]), name="r")
    tf.train.init_from_checkpoint(MINITAUR, {LOGSTD: v})
    tf.train.init_from_checkpoint(MINITAUR, {"network/rnn/policy/fully_connected_2/biases": r})
    t.value("v", v)
    t.value("r", r)


@program("surface")
def a_checkpoint_for_a_partitioned_variable(tf, t):
    p = tf.get_variable("p", [8], partitioner=tf.fixed_size_partitioner(3))
    q = tf.get_variable("q", [8], partitioner=tf.fixed_size_partitioner(2))
    tf.train.init_from_checkpoint(MINITAUR, {LOGSTD: "p"})
    tf.train.init_from_checkpoint(MINITAUR, {LOGSTD: list(q)})
    t.value("p", p)
    t.value("q", q)


@program("surface")
def assignments_as_pairs(tf, t):
    v = tf.get_variable("v", [8])
    w = tf.get_variable("w", [8])
    tf.train.init_from_checkpoint(MINITAUR, [(LOGSTD, "v"), (LOGSTD, w)])
    t.value("v", v)
    t.value("w", w)


@program("surface")
def assignments_that_cannot_be(tf, t):
    tf.get_variable("v", [7])
    tf.get_variable("w", [8], dtype=tf.float64)
    tf.get_variable("s/other", [8])
    maps = {
        "shape": {LOGSTD: "v"},
        "no such tensor": {"nothing": "v"},
        "no such variable": {LOGSTD: "nothing"},
        "scope to name": {"network/rnn/policy/": "v"},
        "name to scope": {LOGSTD: "s/"},
        "nothing in the checkpoint": {"network/": "s/"},
        "no such scope": {"no/such/": "s/"},
        "number": {LOGSTD: 3},
    }
    for label, assignment in maps.items():
        with t.fails(label):
            tf.train.init_from_checkpoint(MINITAUR, assignment)
    with t.fails("no file"):
        tf.train.init_from_checkpoint(MINITAUR + ".none", {LOGSTD: "v"})


@program("surface")
def reading_a_checkpoint(tf, t):
    listed = tf.train.list_variables(MINITAUR)
    t("listed", listed)
    t("value", tf.train.load_variable(MINITAUR, LOGSTD))
    with t.fails("missing"):
        tf.train.load_variable(MINITAUR, "nothing")
    reader = tf.train.load_checkpoint(MINITAUR)
    t("shapes", reader.get_variable_to_shape_map())
    t("dtypes", {name: dtype.name for name, dtype in reader.get_variable_to_dtype_map().items()})
    t("has", [reader.has_tensor(LOGSTD), reader.has_tensor("nothing")])
    t("tensor", reader.get_tensor(LOGSTD))
    t("exists", [tf.train.checkpoint_exists(MINITAUR), tf.train.checkpoint_exists(MINITAUR + ".none")])
    t("latest", tf.train.latest_checkpoint(str(Path(MINITAUR).parent)))
    with t.fails("no file"):
        tf.train.load_checkpoint(MINITAUR + ".none")


@program("surface")
def losses(tf, t):
    tf.losses.add_loss(tf.constant(1.0, name="a"))
    with tf.name_scope("s"):
        tf.losses.add_loss(tf.constant(2.0, name="b"))
        tf.losses.add_loss(tf.constant(4.0, name="c"), loss_collection=None)
    tf.get_variable("v", [], regularizer=lambda v: tf.constant(8.0))
    t("losses", [loss.name for loss in tf.losses.get_losses()])
    t("of a scope", [loss.name for loss in tf.losses.get_losses("s")])
    t("regularization", len(tf.losses.get_regularization_losses()))
    t.value("total", tf.losses.get_total_loss())
    t.value("without", tf.losses.get_total_loss(add_regularization_losses=False))
    t("collection", [loss.name for loss in tf.get_collection(tf.GraphKeys.LOSSES)])


@program("surface")
def old_spellings(tf, t):
    v = tf.get_variable("v", [])
    t("all_variables", tf.all_variables())
    t("VARIABLES", tf.GraphKeys.VARIABLES)
    with tf.variable_op_scope([v], "s") as scope:
        t("variable_op_scope", scope)
    t("initializers", [callable(tf.initializers.global_variables), callable(tf.initialize_all_variables)])


@program("surface")
def helpers_that_take_names(tf, t):
    t("no_op", tf.no_op().name)
    t("no_op named", tf.no_op(name="n").name)
    c = tf.constant([1.0], name="c")
    t("identity", tf.identity(c).name)
    t("identity named", tf.identity(c, name="i").name)
    t("group", tf.group(name="g").name)
    t("converted", tf.convert_to_tensor([1.0, 2.0]).name)
    t("converted named", tf.convert_to_tensor(3, name="three").name)
    t("already one", tf.convert_to_tensor(c) is c)
    t("typed", tf.convert_to_tensor(3, dtype=tf.float32).dtype)


@program("surface")
def more_old_spellings(tf, t):
    with tf.op_scope([], "n") as scope:
        t("op_scope", scope)
    with tf.op_scope([], None, "d") as scope:
        t("default", scope)
    t("dimension value", [tf.dimension_value(tf.Dimension(3)), tf.dimension_value(4), tf.dimension_value(None)])
    t("is tensor", [tf.is_tensor(tf.constant(1.0)), tf.is_tensor(tf.get_variable("v", [])), tf.is_tensor(3)])
    t("normal", tf.random.normal([2]).name)
    t("uniform", tf.random.uniform([2]).name)
    t("truncated", tf.random.truncated_normal([2]).name)
    with t.fails("missing checkpoint"):
        tf.train.load_checkpoint("no/such/checkpoint")
    try:
        tf.train.load_checkpoint("no/such/checkpoint")
    except tf.errors.NotFoundError:
        t("caught as", "not found")


@program("surface")
def ops_that_initialize(tf, t):
    tf.get_variable("v", [])
    t("global", tf.global_variables_initializer().name)
    t("again", tf.global_variables_initializer().name)
    t("local", tf.local_variables_initializer().name)
    t("some", tf.variables_initializer(tf.global_variables(), name="mine").name)
    t("assign", tf.get_variable("w", []).initializer.name)


@program("surface")
def contexts_that_only_devices_need(tf, t):
    with tf.device("/cpu:0"):
        v = tf.get_variable("v", [])
    with tf.control_dependencies([v.initializer]):
        w = tf.get_variable("w", [])
    with tf.get_default_graph().as_default():
        t("both", [v, w])
    t("initializer", v.initializer.name)


@program("surface")
def initializer_signatures(tf, t):
    for label, initializer in (
        ("zeros", tf.zeros_initializer(dtype=tf.float64)),
        ("ones", tf.ones_initializer(tf.int32)),
        ("constant", tf.constant_initializer(value=2, dtype=tf.int64)),
        ("constant check", tf.constant_initializer([1.0, 2.0], verify_shape=False)),
    ):
        v = tf.get_variable(label.replace(" ", "_"), [2], initializer=initializer)
        t(label, v)
        t.value(f"{label} values", v)
        t(f"{label} config", sorted(initializer.get_config()))
    for label, initializer in (
        ("uniform", tf.random_uniform_initializer(minval=0, maxval=None, seed=None, dtype=tf.float32)),
        ("normal", tf.random_normal_initializer(mean=0.0, stddev=1.0, seed=3, dtype=tf.float32)),
        ("truncated", tf.truncated_normal_initializer(mean=0.0, stddev=1.0, seed=None)),
        ("scaling", tf.variance_scaling_initializer(scale=1.0, mode="fan_avg", distribution="uniform", seed=None)),
        ("unit", tf.uniform_unit_scaling_initializer(factor=1.0, seed=None)),
        ("orthogonal", tf.orthogonal_initializer(gain=1.0, seed=None)),
        ("glorot", tf.glorot_uniform_initializer(seed=1)),
    ):
        t(label, sorted(initializer.get_config()))
    for label, make in (
        ("mode", lambda: tf.variance_scaling_initializer(mode="nonsense")),
        ("distribution", lambda: tf.variance_scaling_initializer(distribution="nonsense")),
        ("scale", lambda: tf.variance_scaling_initializer(scale=-1.0)),
        ("constant of an object", lambda: tf.constant_initializer(object())),
    ):
        with t.fails(label):
            make()


@program("surface")
def calling_initializers(tf, t):
    t("ones", [int(size) for size in tf.ones_initializer()([2, 3]).shape])
    t("dtype", tf.zeros_initializer()([2], dtype=tf.int32).dtype.name)
    t("constant", tf.constant_initializer(3)([2, 2], dtype=tf.float64).dtype.name)


@program("surface")
def switches_at_the_top_of_a_program(tf, t):
    t("eager", tf.executing_eagerly())
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.logging.info("quiet")
    tf.set_random_seed(3)
    t("a graph", isinstance(tf.get_default_graph(), tf.Graph))


@program("surface")
def a_network_of_layers(tf, t):
    def dense(x, units, name=None):
        with tf.variable_scope(name, "dense"):
            size = x[-1]
            tf.get_variable("kernel", [size, units], initializer=tf.truncated_normal_initializer(stddev=0.02))
            tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        return [*x[:-1], units]

    def model(x):
        for _ in range(2):
            x = dense(x, 4)
        return dense(x, 1, name="out")

    with tf.variable_scope("policy", reuse=tf.AUTO_REUSE):
        model([None, 3])
        model([None, 3])
    net = tf.make_template("value", model)
    net([None, 3]), net([None, 3])
    t("variables", tf.trainable_variables())
    t("of the template", net.trainable_variables)
    t("of a scope", tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="policy"))


@program("surface")
def a_transformer_in_nested_scopes(tf, t):
    def norm(name, size):
        with tf.variable_scope(name):
            tf.get_variable("g", [size], initializer=tf.constant_initializer(1))
            tf.get_variable("b", [size], initializer=tf.constant_initializer(0))

    def conv(name, inputs, outputs):
        with tf.variable_scope(name):
            w = tf.get_variable("w", [1, inputs, outputs], initializer=tf.random_normal_initializer(stddev=0.02))
            tf.get_variable("b", [outputs], initializer=tf.constant_initializer(0))
            return w.shape[-1].value

    def model(reuse):
        with tf.variable_scope("model", reuse=reuse):
            tf.get_variable("wpe", [8, 4], initializer=tf.random_normal_initializer(stddev=0.01))
            for layer in range(2):
                with tf.variable_scope(f"h{layer}"):
                    norm("ln_1", 4)
                    with tf.variable_scope("attn"):
                        conv("c_attn", 4, 12)
                        conv("c_proj", 4, 4)
                    with tf.variable_scope("mlp"):
                        t(f"{reuse} {layer}", conv("c_fc", 4, 16))

    model(False)
    model(True)
    t("variables", [v.op.name for v in tf.global_variables()])
    t("parameters", sum(int(np.prod(v.shape.as_list())) for v in tf.trainable_variables()))


@program("surface")
def a_target_network_with_a_getter(tf, t):
    def critic(x, reuse=None, custom_getter=None):
        with tf.variable_scope("Critic", reuse=reuse, custom_getter=custom_getter):
            return tf.get_variable("w", [x, 1], initializer=tf.ones_initializer())

    online = critic(2)
    parameters = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Critic")
    ema = tf.train.ExponentialMovingAverage(decay=0.99)
    ema.apply(parameters)

    def ema_getter(getter, name, *args, **kwargs):
        return ema.average(getter(name, *args, **kwargs))

    t("online", online)
    t("target", critic(2, reuse=True, custom_getter=ema_getter))
    tf.get_default_graph().clear_collection("cond_context")
