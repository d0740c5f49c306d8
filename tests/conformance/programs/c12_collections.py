"""Sections 12 to 14: collections, the global step, graphs, threads."""

import threading

from tests.conformance.program import program


class Named:
    def __init__(self, name):
        self.name = name


def names(items):
    return [getattr(item, "name", item) for item in items]


@program("12")
def collections_of_a_graph(tf, t):
    graph = tf.get_default_graph()
    graph.add_to_collection("a", 1)
    graph.add_to_collections(["a", "b", "a"], 2)
    graph.add_to_collections("word", 3)
    t("a", graph.get_collection("a"))
    t("b", graph.get_collection("b"))
    t("word", graph.get_collection("word"))
    t("w", graph.get_collection("w"))
    t("none", graph.get_collection("nothing"))
    t("keys", sorted(graph.get_all_collection_keys()))
    graph.get_collection("a").append(9)
    t("a copy", graph.get_collection("a"))
    graph.get_collection_ref("a").append(9)
    t("the live list", graph.get_collection("a"))
    t("created by ref", graph.get_collection_ref("new"))
    t("keys then", sorted(graph.get_all_collection_keys()))
    graph.clear_collection("a")
    t("cleared", graph.get_collection("a"))
    t("keys after", sorted(graph.get_all_collection_keys()))
    graph.clear_collection("never there")


@program("12")
def module_functions_for_collections(tf, t):
    tf.add_to_collection("a", 1)
    tf.add_to_collections(["a", "b"], 2)
    t("a", tf.get_collection("a"))
    t("ref", tf.get_collection_ref("b"))
    t("same", tf.get_collection_ref("b") is tf.get_default_graph().get_collection_ref("b"))
    t("keyword", tf.get_collection(key="a", scope=None))


@program("12")
def keys_of_other_types(tf, t):
    graph = tf.get_default_graph()
    graph.add_to_collection(("a", 1), "tuple")
    graph.add_to_collection(5, "number")
    graph.add_to_collection(None, "none")
    t("tuple", graph.get_collection(("a", 1)))
    t("number", graph.get_collection(5))
    t("string keys only", sorted(graph.get_all_collection_keys()))
    with t.fails("unhashable"):
        graph.add_to_collection(["a"], 1)
    with t.fails("unhashable get"):
        graph.get_collection(["a"])


@program("12")
def nothing_is_deduplicated(tf, t):
    v = tf.get_variable("v", [])
    tf.add_to_collection("mine", v)
    tf.add_to_collection("mine", v)
    t("mine", tf.get_collection("mine"))


@program("12", covers="17.14")
def scopes_of_collections_are_expressions(tf, t):
    for name in ("a/b", "ab", "b/a", "a", "zz/a/b"):
        tf.add_to_collection("k", Named(name))
    tf.add_to_collection("k", 5)
    for scope in ("a", "a/", ".*a/b", "", "b", "zz", "nothing", "[ab]"):
        t(f"scope {scope!r}", names(tf.get_collection("k", scope)))
    t("None", names(tf.get_collection("k", None)))
    tf.get_default_graph().clear_collection("k")


@program("12")
def variable_listings(tf, t):
    keys = tf.GraphKeys
    tf.get_variable("a/v", [])
    tf.get_variable("b/v", [], trainable=False)
    tf.get_local_variable("a/l", [])
    tf.get_variable("a/m", [], collections=[keys.MODEL_VARIABLES])
    tf.get_variable("a/n", [], collections=[keys.MOVING_AVERAGE_VARIABLES])
    for function in (
        "global_variables",
        "local_variables",
        "model_variables",
        "moving_average_variables",
        "trainable_variables",
    ):
        t(function, getattr(tf, function)())
        t(f"{function} of a", getattr(tf, function)("a"))
        t(f"{function} of b", getattr(tf, function)(scope="b/"))
    t("all", tf.all_variables())


@program("12")
def editing_collections_leaves_the_store(tf, t):
    v = tf.get_variable("v", [])
    tf.get_default_graph().clear_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    del tf.get_collection_ref(tf.GraphKeys.TRAINABLE_VARIABLES)[:]
    with t.fails("clash"):
        tf.get_variable("v", [])
    with tf.variable_scope("", reuse=True):
        t("found", tf.get_variable("v") is v)
    t("keys", sorted(tf.get_default_graph().get_all_collection_keys()))


@program("12")
def the_keys(tf, t):
    keys = tf.GraphKeys
    for name in [
        "GLOBAL_VARIABLES",
        "LOCAL_VARIABLES",
        "TRAINABLE_VARIABLES",
        "MODEL_VARIABLES",
        "MOVING_AVERAGE_VARIABLES",
        "REGULARIZATION_LOSSES",
        "UPDATE_OPS",
        "GLOBAL_STEP",
        "LOSSES",
        "SUMMARIES",
        "QUEUE_RUNNERS",
        "TABLE_INITIALIZERS",
        "ASSET_FILEPATHS",
        "WEIGHTS",
        "BIASES",
        "ACTIVATIONS",
        "INIT_OP",
        "LOCAL_INIT_OP",
        "READY_OP",
        "READY_FOR_LOCAL_INIT_OP",
        "SUMMARY_OP",
        "SAVERS",
        "SAVEABLE_OBJECTS",
        "CONCATENATED_VARIABLES",
        "TRAIN_OP",
        "EVAL_STEP",
        "COND_CONTEXT",
        "WHILE_CONTEXT",
        "METRIC_VARIABLES",
        "TRAINABLE_RESOURCE_VARIABLES",
        "STREAMING_MODEL_PORTS",
        "RESOURCES",
        "LOCAL_RESOURCES",
        "VARIABLES",
    ]:
        t(name, getattr(keys, name, "absent"))


@program("12")
def the_global_step(tf, t):
    step = tf.train.get_or_create_global_step()
    t("step", step)
    t("again", tf.train.get_or_create_global_step() is step)
    t("got", tf.train.get_global_step() is step)
    with tf.variable_scope("s"):
        t("from a scope", tf.train.get_or_create_global_step() is step)
    with t.fails("a second one"):
        tf.train.create_global_step()
    t.value("value", step)


@program("12", covers="global-step-scope 17.21")
def the_global_step_of_a_scope(tf, t):
    with tf.variable_scope("sc"):
        t("step", tf.train.get_or_create_global_step())
    t("found", tf.train.get_global_step())


@program("12", covers="global-step-scope 17.21")
def the_global_step_under_reuse(tf, t):
    with tf.variable_scope("sc", reuse=True):
        with t.fails("missing"):
            tf.train.get_or_create_global_step()
    t("none", tf.train.get_global_step())


@program("12")
def a_global_step_of_ones_own(tf, t):
    v = tf.Variable(0, name="global_step", trainable=False)
    t("by name", tf.train.get_global_step().name == v.name)
    t("not made again", tf.train.get_or_create_global_step().name == v.name)
    t("collection", tf.get_collection(tf.GraphKeys.GLOBAL_STEP))


@program("12")
def a_wrong_global_step(tf, t):
    tf.Variable(0.5, name="global_step", trainable=False)
    with t.fails("not an integer"):
        tf.train.get_global_step()
    with tf.Graph().as_default():
        tf.Variable([0, 1], name="global_step", trainable=False)
        with t.fails("not a scalar"):
            tf.train.get_global_step()
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        t("asserted", tf.train.assert_global_step(step))


@program("12")
def the_global_step_of_a_graph(tf, t):
    graph = tf.Graph()
    t("made there", tf.train.get_or_create_global_step(graph).graph is graph)
    t("not here", tf.train.get_global_step())
    with graph.as_default():
        t("there", tf.train.get_global_step())
    t("asked for", tf.train.get_global_step(graph).name)


@program("12", "6.6")
def the_regularization_loss(tf, t):
    tf.get_variable("a", [], regularizer=lambda v: tf.constant(1.5))
    with tf.variable_scope("s", regularizer=lambda v: tf.constant(2.0)):
        tf.get_variable("b", [])
    t("losses", len(tf.losses.get_regularization_losses()))
    t("of a scope", [loss.name for loss in tf.losses.get_regularization_losses("s")])
    t.value("sum", tf.losses.get_regularization_loss())
    t.value("sum of a scope", tf.losses.get_regularization_loss("s"))
    t.value("sum of nothing", tf.losses.get_regularization_loss("none"))


@program("13")
def graphs_are_apart(tf, t):
    with tf.variable_scope("s") as scope:
        tf.get_variable("v", [])
        other = tf.Graph()
        with other.as_default():
            t("root", tf.get_variable_scope())
            t("name scope", tf.get_default_graph().get_name_scope())
            t("v", tf.get_variable("v", []))
            with tf.variable_scope("s") as there:
                t("there", there)
            t("listed", tf.global_variables())
        t("back", tf.get_variable_scope() is scope)
        t("name scope back", tf.get_default_graph().get_name_scope())


@program("13")
def graphs_keep_everything(tf, t):
    graph = tf.Graph()
    with graph.as_default():
        tf.get_variable_scope().set_dtype(tf.float64)
        with tf.variable_scope(None, "d"):
            tf.get_variable("v", [])
    with graph.as_default():
        t("dtype", tf.get_variable_scope().dtype)
        with tf.variable_scope(None, "d") as scope:
            t("counter", scope)
        t("listed", tf.global_variables())


@program("13", graph=False)
def resetting_the_default_graph(tf, t):
    tf.get_variable("v", [])
    before = tf.get_default_graph()
    tf.reset_default_graph()
    t("another", tf.get_default_graph() is before)
    t("empty", tf.global_variables())
    t("v", tf.get_variable("v", []))
    t("scope", tf.get_variable_scope())


@program("13")
def resetting_inside_a_graph(tf, t):
    with t.fails("nested"):
        tf.reset_default_graph()


@program("13")
def the_default_graph(tf, t):
    outer = tf.get_default_graph()
    graph = tf.Graph()
    with graph.as_default() as entered:
        t("entered", entered is graph)
        t("default", tf.get_default_graph() is graph)
    t("back", tf.get_default_graph() is outer)
    t("is a graph", isinstance(outer, tf.Graph))
    with t.fails("error", "x"):
        with graph.as_default():
            raise KeyError("x")
    t("back after the error", tf.get_default_graph() is outer)


@program("13")
def a_graph_of_its_own_names(tf, t):
    graph = tf.Graph()
    t("here", [tf.get_default_graph().unique_name("a") for _ in range(2)])
    t("there", graph.unique_name("a"))
    with graph.as_default():
        t("op", tf.constant(1.0, name="a"))
    t("scope of the other", graph.get_name_scope())


@program("14")
def a_thread_starts_at_the_root(tf, t):
    graph = tf.get_default_graph()
    found = {}

    def work():
        found["default graph"] = tf.get_default_graph() is graph
        with graph.as_default():
            found["scope"] = tf.get_variable_scope()
            found["name scope"] = graph.get_name_scope()
            found["v"] = tf.get_variable("v", [])
            with tf.variable_scope(None, "d") as scope:
                found["default"] = scope

    with tf.variable_scope("s"):
        with tf.variable_scope(None, "d"):
            pass
        tf.get_variable_scope().reuse_variables()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    for key, value in found.items():
        t(key, value)


@program("14", covers="17.19")
def numbering_is_per_thread(tf, t):
    graph = tf.get_default_graph()
    template = tf.make_template("t", lambda: tf.get_variable("x", []))
    t("first", template())
    found = []

    def work():
        with graph.as_default():
            try:
                tf.make_template("t", lambda: tf.get_variable("x", []))()
            except ValueError as error:
                found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with t.fails("clash"):
        raise found[0]


@program("14")
def a_scope_handed_to_a_thread(tf, t):
    graph = tf.get_default_graph()
    with tf.variable_scope("s", dtype=tf.float64) as captured:
        pass
    found = {}

    def work():
        with graph.as_default(), tf.variable_scope(captured) as scope:
            found["scope"] = scope
            found["v"] = tf.get_variable("v", [])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for key, value in found.items():
        t(key, value)


@program("14")
def root_settings_are_per_thread(tf, t):
    graph = tf.get_default_graph()
    tf.get_variable_scope().set_dtype(tf.float64)
    tf.get_variable_scope().reuse_variables()
    found = {}

    def work():
        with graph.as_default():
            found["scope"] = tf.get_variable_scope()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    t("scope", found["scope"])


@program("14")
def creators_stay_in_their_thread(tf, t):
    graph = tf.get_default_graph()
    calls = []

    def creator(next_creator, **kwargs):
        calls.append(kwargs["name"])
        return next_creator(**kwargs)

    def work():
        with graph.as_default():
            tf.get_variable("there", [])

    with tf.variable_creator_scope(creator):
        tf.get_variable("here", [])
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    t("calls", calls)


@program("14")
def a_used_template_in_threads(tf, t):
    graph = tf.get_default_graph()
    template = tf.make_template("s", lambda: tf.get_variable("x", []))
    x = template()
    found = []

    def work():
        with graph.as_default():
            found.append(template() is x)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t("found", found)
