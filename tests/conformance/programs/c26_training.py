"""What training code asks for: averages, the global step, losses, checkpoints, names by which a graph is searched."""

from pathlib import Path

import numpy as np

from tests.conformance.program import program

DATA = Path(__file__).parents[2] / "data"
CUT = str(DATA / "tensorflow" / "partitioned")
MINITAUR = str(DATA / "minitaur_policy_v2" / "model.ckpt")


def names(items):
    return [item.name for item in items]


@program("surface")
def averages_applied_twice(tf, t):
    v = tf.get_variable("v", [2])
    w = tf.get_variable("w", [2])
    ema = tf.train.ExponentialMovingAverage(0.9)
    ema.apply([v])
    ema.apply([v, w])
    t("moving", names(tf.moving_average_variables()))
    t("global", names(tf.global_variables()))
    t("restore", {key: item.name for key, item in ema.variables_to_restore().items()})
    t("none", ema.average(tf.get_variable("x", [])))
    with t.fails("an int"):
        ema.apply([tf.get_variable("i", [], tf.int32)])
    with t.fails("a number"):
        ema.apply([3])
    with t.fails("not a list"):
        ema.apply(v)
    ema.apply([])
    t("still", names(tf.moving_average_variables()))


@program("surface")
def averages_named_and_counted(tf, t):
    with tf.variable_scope("net"):
        v = tf.get_variable("v", [2])
        step = tf.train.get_or_create_global_step()
    ema = tf.train.ExponentialMovingAverage(0.99, num_updates=step, zero_debias=True, name="average")
    with tf.variable_scope("train"), tf.name_scope("inner"):
        ema.apply([v])
    t("average", ema.average(v))
    t("name", [ema.name, ema.average_name(v)])
    t("all", names(tf.global_variables()))
    other = tf.train.ExponentialMovingAverage(0.9, name="average")
    other.apply([v])
    t("other", other.average(v))
    third = tf.train.ExponentialMovingAverage(0.9, name="a/b")
    third.apply()
    t("third", names(tf.moving_average_variables()))
    t("restore", {key: item.name for key, item in ema.variables_to_restore().items()})
    t("restore named", {key: item.name for key, item in ema.variables_to_restore([v]).items()})
    t("restore by the other", {key: item.name for key, item in other.variables_to_restore().items()})


@program("surface", "11")
def averages_in_templates_and_scopes(tf, t):
    ema = tf.train.ExponentialMovingAverage(0.9)

    def getter(getter, name, *args, **kwargs):
        variable = getter(name, *args, **kwargs)
        average = ema.average(variable)
        return variable if average is None else average

    def model():
        return [tf.get_variable("w", [2]), tf.get_variable("b", [], trainable=False)]

    template = tf.make_template("model", model)
    t("model", template())
    ema.apply(template.trainable_variables)
    with tf.variable_scope(template.variable_scope, reuse=True, custom_getter=getter):
        t("averaged", model())
    t("again", template())
    with tf.variable_scope("model", reuse=True, custom_getter=getter):
        t("by name", model())
    t("variables", names(template.variables))
    t("not trained", names(template.non_trainable_variables))


@program("12", covers="17.21")
def global_steps(tf, t):
    t("none", tf.train.get_global_step())
    step = tf.train.create_global_step()
    t("made", step)
    with t.fails("made again"):
        tf.train.create_global_step()
    t("got", tf.train.get_global_step() is step)
    t("asserted", tf.train.assert_global_step(step))
    with t.fails("a float"):
        tf.train.assert_global_step(tf.get_variable("f", []))
    with t.fails("a vector"):
        tf.train.assert_global_step(tf.get_variable("i", [2], tf.int64))
    other = tf.Graph()
    t("elsewhere", tf.train.get_global_step(other))
    t("made elsewhere", tf.train.get_or_create_global_step(other))
    t("there", names(other.get_collection("global_step")))
    with tf.Graph().as_default():
        with tf.variable_scope("s", reuse=tf.AUTO_REUSE, dtype=tf.float64, initializer=tf.ones_initializer()):
            t("in a scope", tf.train.get_or_create_global_step())
            t("found", tf.train.get_or_create_global_step())
        t("found at the root", tf.train.get_or_create_global_step())
    with tf.Graph().as_default():
        tf.Variable(0, name="global_step", trainable=False)
        t("by its name", tf.train.get_global_step().name)
    with tf.Graph().as_default():
        tf.get_variable("global_step", [], tf.float32)
        with t.fails("a float by its name"):
            tf.train.get_or_create_global_step()
    with tf.Graph().as_default():
        tf.add_to_collection("global_step", tf.get_variable("mine", [], tf.int64))
        t("a variable of mine", tf.train.get_or_create_global_step())
        tf.add_to_collection("global_step", tf.get_variable("mine_too", [], tf.int64))
        with t.fails("two of them"):
            tf.train.get_global_step()


@program("6.6", "surface")
def losses_of_scopes(tf, t):
    with tf.variable_scope("a", regularizer=lambda v: tf.constant(1.0, name="one")):
        tf.get_variable("v", [])
        with tf.variable_scope("b"):
            tf.get_variable("v", [])
    with tf.variable_scope("c"):
        tf.get_variable("v", [], regularizer=lambda v: tf.constant(2.0, name="two"))
    t("all", [loss.name for loss in tf.losses.get_regularization_losses()])
    t("of a", [loss.name for loss in tf.losses.get_regularization_losses("a")])
    t("of a/b", [loss.name for loss in tf.losses.get_regularization_losses("a/b")])
    t("total", tf.losses.get_regularization_loss().name)
    t("total of a", tf.losses.get_regularization_loss(scope="a", name="mine").name)
    t("total of nothing", tf.losses.get_regularization_loss("nothing").name)
    tf.losses.add_loss(tf.constant(3.0, name="l"))
    tf.losses.add_loss(tf.constant(4.0, name="other"), loss_collection="mine")
    tf.losses.add_loss(tf.constant(5.0, name="nowhere"), loss_collection=None)
    t("losses", [loss.name for loss in tf.losses.get_losses()])
    t("losses of l", [loss.name for loss in tf.losses.get_losses("l")])
    t("losses of mine", [loss.name for loss in tf.losses.get_losses(loss_collection="mine")])


@program("surface")
def assignment_maps(tf, t):
    reader = tf.train.load_checkpoint(CUT)
    shapes = reader.get_variable_to_shape_map()
    t("there", sorted(shapes.items()))
    first = min(shapes)
    t("listed", tf.train.list_variables(CUT))
    with tf.variable_scope("a"):
        for number, name in enumerate(sorted(shapes)):
            tf.get_variable(f"v{number}", shapes[name])
    t("dtypes", {name: str(tf.as_dtype(kind).name) for name, kind in reader.get_variable_to_dtype_map().items()})
    cases = {
        "by name": {first: "a/v0"},
        "with a colon": {f"{first}:0": "a/v0"},
        "target with a colon": {first: "a/v0:0"},
        "a variable": {first: tf.global_variables()[0]},
        "None": {first: None},
        "nothing": {},
        "no map": None,
        "pairs": [(first, "a/v0")],
        "a triple": [(first, "a/v0", 1)],
        "root": {"/": "a/"},
        "an unknown scope": {"/": "nowhere/"},
        "without slashes": {"x": "a"},
        "half a slash": {"/": "a"},
        "the other half": {"x": "a/"},
    }
    for label, case in cases.items():
        with t.fails(label):
            tf.train.init_from_checkpoint(CUT, case)


@program("surface", "10")
def partitioned_variables_from_a_checkpoint(tf, t):
    reader = tf.train.load_checkpoint(CUT)
    kinds = reader.get_variable_to_dtype_map()
    for number, (name, shape) in enumerate(sorted(reader.get_variable_to_shape_map().items())):
        if not shape:
            continue
        kind = tf.as_dtype(kinds[name])
        for count in (1, 2, 3):
            variable = tf.get_variable(f"v{number}_{count}", shape, kind, partitioner=tf.fixed_size_partitioner(count))
            tf.train.init_from_checkpoint(CUT, {name: f"v{number}_{count}"})
            t(f"{name} {count}", variable)
            t.value(f"{name} {count} values", variable)
        whole = tf.get_variable(f"v{number}_whole", shape, kind)
        tf.train.init_from_checkpoint(CUT, {name: whole})
        t.value(f"{name} whole", whole)
        cut = tf.get_variable(f"v{number}_object", shape, kind, partitioner=tf.fixed_size_partitioner(2))
        with t.fails(f"{name} shards"):
            tf.train.init_from_checkpoint(CUT, {name: list(cut)})
        t.value(f"{name} shards values", cut)


@program("surface")
def reading_what_is_not_there(tf, t):
    for label, path in {
        "nothing": "/no/such/place",
        "a directory without any": str(DATA / "getters"),
        "a directory of data": str(DATA),
        "a file that is none": __file__,
        "empty": "",
        "the index": CUT + ".index",
    }.items():
        with t.fails(f"load {label}"):
            tf.train.load_checkpoint(path)
        with t.fails(f"list {label}"):
            tf.train.list_variables(path)
        with t.fails(f"variable {label}"):
            tf.train.load_variable(path, "v")
        with t.fails(f"init {label}"):
            tf.train.init_from_checkpoint(path, {"v": tf.Variable(1.0)})
        t(f"latest {label}", tf.train.latest_checkpoint(path))
    with t.fails("no such variable"):
        tf.train.load_variable(CUT, "no/such")
    with t.fails("no such variable by the reader"):
        tf.train.load_checkpoint(CUT).get_tensor("no/such")
    reader = tf.train.load_checkpoint(MINITAUR)
    t("has", [reader.has_tensor("network/rnn/policy/logstd"), reader.has_tensor("no")])
    t("read", reader.get_tensor("network/rnn/policy/logstd").shape)
    t("text", isinstance(reader.debug_string(), (str, bytes)))


@program("surface", "8")
def values_of_variables(tf, t):
    v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
    t.value("value", v)
    for label, attribute in {"name": "name", "op": "op", "shape": "shape", "dtype": "dtype", "graph": "graph"}.items():
        t(f"{label} is there", hasattr(v, attribute))
    t("graph", v.graph is tf.get_default_graph())
    t("shape", v.get_shape().as_list())
    t("rank", v.shape.ndims)
    t("device", v.device)
    t("text", str(v.shape))
    with t.fails("len"):
        len(v)
    with t.fails("iterating"):
        list(v)
    t("equal", [v == v, v != v, v == 1, v in {v: 1}])
    t("assigned name", v.op.name)
    t("slice info", v._save_slice_info)
    v._save_slice_info = None


@program("surface", "1.2")
def searching_a_graph(tf, t):
    graph = tf.get_default_graph()
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
        w = tf.Variable(1.0, name="w")
        c = tf.constant([1.0, 2.0], name="c")
    tf.no_op(name="nothing")
    t("op of v", graph.get_operation_by_name("s/v").name)
    t("op of w", graph.get_operation_by_name("s/w").name)
    t("op of c", graph.get_operation_by_name("s/c").name)
    t("op of nothing", graph.get_operation_by_name("nothing").name)
    t("assign", graph.get_operation_by_name("s/v/Assign").name)
    t("v", graph.get_tensor_by_name("s/v:0").name)
    t("c", graph.get_tensor_by_name("s/c:0") is c)
    t("element v", graph.as_graph_element("s/v").name)
    t("element v:0", graph.as_graph_element("s/v:0").name)
    t("element c", graph.as_graph_element(c) is c)
    for label, name in {"missing": "s/x", "a tensor": "s/v:0", "empty": "", "a number": 3}.items():
        with t.fails(f"op {label}"):
            graph.get_operation_by_name(name)
    for label, name in {
        "missing": "s/x:0",
        "an op": "s/v",
        "another output": "s/v:1",
        "a number": 3,
        "junk": "s/v:x",
    }.items():
        with t.fails(f"tensor {label}"):
            graph.get_tensor_by_name(name)
    for label, name in {"missing": "s/x", "missing tensor": "s/x:0", "a number": 3, "None": None}.items():
        with t.fails(f"element {label}"):
            graph.as_graph_element(name)
    t("ops", [op.name for op in graph.get_operations()])
    t("kept", [v.name, w.name])


@program("surface", "6.9")
def ops_of_initializers(tf, t):
    graph = tf.get_default_graph()
    for label, initializer in {
        "zeros": tf.zeros_initializer(),
        "ones": tf.ones_initializer,
        "constant": tf.constant_initializer(2.0),
        "uniform": tf.random_uniform_initializer(),
        "normal": tf.random_normal_initializer(),
        "truncated": tf.truncated_normal_initializer(),
        "default": None,
        "glorot": tf.glorot_normal_initializer(),
        "untruncated": tf.variance_scaling_initializer(distribution="untruncated_normal"),
        "he": tf.initializers.he_uniform(),
        "function": lambda shape, dtype: np.zeros(shape, np.float32),
        "tensors": lambda shape, dtype: tf.zeros(shape, name="zeros_of_mine"),
    }.items():
        with tf.variable_scope(label):
            tf.get_variable("v", [2, 2], initializer=initializer)
    tf.get_variable("number", initializer=1.0)
    tf.get_variable("thunk", initializer=lambda: 1.0)
    tf.get_variable("large", [1000], initializer=tf.zeros_initializer())
    tf.get_variable("less", [999], initializer=tf.zeros_initializer())
    tf.get_variable("cut", [4], initializer=tf.ones_initializer(), partitioner=tf.fixed_size_partitioner(2))
    tf.Variable(1.0, name="raw")
    tf.Variable(lambda: 1.0, name="lazy")
    t("ops", [op.name for op in graph.get_operations()])
    t("types", sorted({op.type for op in graph.get_operations() if "Initializer" not in op.name}))


@program("surface", "13")
def a_finalized_graph(tf, t):
    graph = tf.get_default_graph()
    v = tf.get_variable("v", [])
    t("before", graph.finalized)
    graph.finalize()
    t("after", graph.finalized)
    with t.fails("a variable"):
        tf.get_variable("w", [])
    with t.fails("a raw one"):
        tf.Variable(1.0)
    with t.fails("an op"):
        tf.constant(1.0)
    with tf.variable_scope("s"):
        t("a scope", tf.get_variable_scope().name)
    with tf.variable_scope("", reuse=True):
        t("found", tf.get_variable("v", []) is v)


@program("surface")
def contexts_of_a_graph(tf, t):
    graph = tf.get_default_graph()
    with graph.device("/cpu:0"), graph.control_dependencies(None), graph.name_scope("n"):
        v = tf.get_variable("v", [])
        with graph.colocate_with(v), graph.container("c"), tf.colocate_with(v), tf.container("d"):
            t("raw", tf.Variable(1.0, name="r"))
    with graph.control_dependencies([v]), tf.control_dependencies([v.initializer]):
        t("w", tf.get_variable("w", []))
    with tf.device(lambda op: "/cpu:0"), tf.device(None):
        t("x", tf.get_variable("x", []))
    with tf.init_scope():
        t("init scope", tf.get_variable("y", []))
    t("names", names(graph.get_collection("variables")))


@program("surface")
def ops_that_check_variables(tf, t):
    tf.get_variable("v", [])
    tf.get_local_variable("l", [])
    t(
        "names",
        [
            tf.global_variables_initializer().name,
            tf.local_variables_initializer().name,
            tf.variables_initializer([]).name,
            tf.variables_initializer(tf.global_variables(), name="mine").name,
            tf.tables_initializer().name,
            tf.initialize_all_variables().name,
        ],
    )


@program("10", "surface")
def variables_in_pieces(tf, t):
    make, ones = tf.create_partitioned_variables, tf.ones_initializer()
    with tf.variable_scope("s"):
        t("pieces", make([4, 2], [2, 1], ones, name="p"))
        with t.fails("again"):
            make([4, 2], [1, 2], ones, name="p")
        t("unnamed", make([4], [2], tf.zeros_initializer(), tf.int32, trainable=False, collections=["c"]))
        t("unnamed too", make([4], [1], ones))
    for label, arguments in {
        "two axes": ([4, 4], [2, 2]),
        "rank": ([4, 4], [2]),
        "no list": ([4], 2),
        "none": ([4], [0]),
        "a scalar": ([], []),
    }.items():
        with t.fails(label), tf.Graph().as_default():
            make(*arguments, ones)
    with tf.variable_scope("s", reuse=True):
        t("found", make([4, 2], [2, 1], ones, name="p"))
        with t.fails("another shape"):
            make([4, 2], [2, 1], ones)
    t("reuse", make([4], [2], ones, name="q"))
    t("reuse argument", make([4], [2], ones, name="q", reuse=True))
    t("reuse either", make([4], [2], ones, name="q", reuse=tf.AUTO_REUSE))
    t("a constant", make([2], [2], [1.0, 2.0], name="k"))
    with tf.variable_scope(None, "q") as scope:
        t("numbered", scope)
