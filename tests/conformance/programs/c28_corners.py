"""One short program for one corner each: the specification read sentence by sentence, a second time."""

import numpy as np

from tests.conformance.program import program


def names(items):
    return [item.name for item in items]


def scope_name(tf):
    return tf.get_default_graph().get_name_scope()


@program("0")
def same_variables_other_ops(tf, t):
    for step in range(3):
        with tf.variable_scope("enc", reuse=step > 0 or None):
            t(f"{step}", [tf.get_variable("a", []).name, tf.constant(1.0, name="c").name])


@program("1.1")
def dots_and_dashes(tf, t):
    for name in ("a.b", "a-b", ".a", "-a", "9", "a\\b", "a>b", "a b", "a:0", "a//b", "a/../b", "ü", "", "a" * 300):
        with t.fails(f"{name[:9]} variable"):
            t(f"{name[:9]} is", tf.get_variable(name, []).name)
        with t.fails(f"{name[:9]} raw"):
            t(f"{name[:9]} raw is", tf.Variable(1.0, name=name).name)
        with tf.name_scope("n"), t.fails(f"{name[:9]} raw inside"):
            t(f"{name[:9]} raw inside is", tf.Variable(1.0, name=name).name)


@program("1.1")
def names_in_a_scope_with_a_bad_name(tf, t):
    for name in ("_s", "-s", "s s", "/s"):
        with t.fails(f"{name} entering"):
            with tf.variable_scope(name):
                t(f"{name} v", tf.get_variable("v", []))
        with tf.variable_scope(name, auxiliary_name_scope=False):
            with t.fails(f"{name} unchecked"):
                t(f"{name} unchecked v", tf.get_variable("v", []))
        with tf.variable_scope("o"), t.fails(f"{name} inside"):
            with tf.variable_scope(name):
                t(f"{name} inside v", tf.get_variable("v", []))


@program("1.2")
def cases_in_deep_scopes(tf, t):
    for name in ("A/b", "a/B", "a/b", "A/B"):
        with tf.name_scope(name) as scope:
            t(f"scope {name}", [scope, tf.constant(1.0, name="C").name, tf.constant(1.0, name="c").name])
    for name in ("Q", "q", "Q_1", "q_1", "q_01"):
        t(f"variable {name}", tf.get_variable(name, []).name)


@program("1.2")
def suffixes_meet(tf, t):
    graph = tf.get_default_graph()
    t("ops", [tf.constant(1.0, name=name).name for name in ("x_1", "x", "x", "x_1", "x_2", "x", "x_1_1", "x_1")])
    t("unique", [graph.unique_name(name) for name in ("y_2", "y", "y", "y", "y_1", "Y_2")])
    t("peeked", [graph.unique_name("y", mark_as_used=False) for _ in range(2)])
    t("variables", [tf.get_variable(name, []).name for name in ("x", "x_1", "y", "z_1", "z")])


@program("1.3")
def a_key_outlives_its_name(tf, t):
    with tf.name_scope("s"):
        tf.constant(1.0, name="v")
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [])
        t("v", v)
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        t("found", tf.get_variable("v", []) is v)
        t("its own name as a key", tf.get_variable("v_1", []))
    t("listed", names(tf.get_collection("variables", "s/v")))


@program("1.3")
def a_parent_op_is_no_obstacle(tf, t):
    tf.constant(1.0, name="a")
    with tf.variable_scope("a"):
        t("below an op", [tf.get_variable("v", []).name, tf.constant(1.0, name="c").name])
    tf.get_variable("b", [])
    with tf.variable_scope("b") as scope:
        t("below a variable", [scope.original_name_scope, tf.get_variable("v", []).name])
        t("its own ops' names", [tf.constant(1.0, name=name).name for name in ("read", "Assign")])


@program("2")
def name_scopes_and_defaults(tf, t):
    for arguments in (("a",), (None, "d"), ("a", "d"), (None, None), ("", "d"), ("a/", None), (None, "d/")):
        with t.fails(f"{arguments}"):
            with tf.name_scope(*arguments) as scope:
                t(f"{arguments} is", [scope, tf.constant(1.0, name="c").name])


@program("2")
def graph_name_scopes(tf, t):
    graph = tf.get_default_graph()
    with graph.name_scope("g") as outer, graph.name_scope("h") as inner:
        t("both", [outer, inner, scope_name(tf)])
        with graph.name_scope(None) as root, graph.name_scope("k") as again:
            t("from the root", [root, again])
        with graph.name_scope(outer) as back:
            t("back", [back, tf.Variable(1.0, name="r").name])


@program("3.2")
def slashes_push_paths(tf, t):
    with tf.variable_scope("a/b/c") as scope:
        t("path", [scope, scope_name(tf)])
        with tf.variable_scope("d/e") as inner:
            t("deeper", [inner, scope_name(tf)])
    with tf.variable_scope("a"), tf.variable_scope("b"), tf.variable_scope(None, "c") as numbered:
        t("numbered", [numbered, scope_name(tf)])
    with tf.variable_scope("a/b"), tf.variable_scope(None, "c") as numbered:
        t("numbered by the path", [numbered, scope_name(tf)])


@program("3.2")
def without_a_name_scope(tf, t):
    with tf.variable_scope("a", auxiliary_name_scope=False) as a:
        t("a", [a, scope_name(tf), tf.Variable(1.0, name="r").name, tf.get_variable("v", []).name])
        with tf.variable_scope("b") as b:
            t("b", [b, scope_name(tf)])
        with tf.variable_scope(None, "d", auxiliary_name_scope=False) as d:
            t("d", [d, scope_name(tf)])
    with tf.name_scope("n"), tf.variable_scope("c", auxiliary_name_scope=False) as c:
        t("c", [c, scope_name(tf)])


@program("3.3")
def jumps_into_the_open_scope(tf, t):
    with tf.variable_scope("a") as a:
        with tf.variable_scope(a) as again:
            t("again", [again, scope_name(tf), again is a])
            with tf.variable_scope(None, "d") as d:
                t("d", d)
        with tf.variable_scope(None, "d") as d:
            t("d after", d)
        with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE) as current:
            t("current", [current, tf.get_variable("v", []).name])
        t("not changed", a.reuse)


@program("3.3")
def jumps_by_way_of_the_parent(tf, t):
    with tf.variable_scope("p") as p, tf.variable_scope("q") as q:
        pass
    for label, target in {"p": p, "q": q}.items():
        with tf.variable_scope("o"), tf.variable_scope(target) as scope:
            t(label, [scope, scope_name(tf), tf.get_variable(f"v_{label}", []).name])
    with tf.variable_scope(q, auxiliary_name_scope=False) as scope, tf.name_scope(scope.original_name_scope):
        t("continued", [tf.get_variable("w", []).name, tf.constant(1.0, name="c").name])


@program("3.4")
def anonymous_layers_three_times(tf, t):
    def network():
        outcome = []
        for _ in range(2):
            with tf.variable_scope(None, "dense"):
                outcome.append(tf.get_variable("w", []).name)
                with tf.variable_scope(None, "dense"):
                    outcome.append(tf.get_variable("w", []).name)
        return outcome

    with tf.variable_scope("m"):
        t("first", network())
    with tf.variable_scope("m", reuse=True):
        t("second", network())
    t("at the root", network())
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        t("in the empty scope", network())


@program("3.4")
def what_counts_as_opened(tf, t):
    tf.get_variable("a/x", [])
    with tf.name_scope("b"):
        pass
    tf.Variable(1.0, name="c")
    with tf.variable_scope("d"):
        pass
    with tf.variable_scope("e/f"):
        pass
    tf.make_template("g", lambda: None)()
    tf.make_template("h", lambda: None, create_scope_now_=True)
    tf.make_template("i", lambda: None)
    for name in "abcdefghi":
        with tf.variable_scope(None, name) as scope:
            t(name, scope)


@program("3.4")
def numbers_of_failed_scopes(tf, t):
    for _ in range(2):
        with t.fails(f"raised {_}"):
            with tf.variable_scope(None, "d"):
                raise LookupError
    with t.fails("bad name"):
        with tf.variable_scope(None, "d d"):
            pass
    with t.fails("reuse"):
        with tf.variable_scope(None, "d", reuse=True):
            pass
    with tf.variable_scope(None, "d") as scope:
        t("next", scope)


@program("3.5")
def empty_scopes_in_scopes(tf, t):
    with tf.variable_scope("p"):
        with tf.variable_scope("") as empty:
            t("empty", [empty, scope_name(tf), tf.get_variable("v", []).name])
            with tf.variable_scope("q") as q:
                t("q", [q, tf.get_variable("v", []).name])
        t("without", tf.get_variable("v", []).name)
    with tf.variable_scope("", "d") as empty:
        t("at the root", [empty, tf.get_variable("w", []).name])


@program("3.7")
def the_root_object(tf, t):
    root = tf.get_variable_scope()
    t("same", root is tf.get_variable_scope())
    with tf.variable_scope("s"):
        with tf.variable_scope(root) as copy:
            t("copy", [copy is root, copy, scope_name(tf)])
            copy.reuse_variables()
        t("in s", tf.get_variable("v", []).name)
    t("root's flag", root.reuse)
    root.set_initializer(tf.ones_initializer())
    with tf.variable_scope("later") as later:
        t("inherited", later)


@program("4")
def reuse_by_every_way_at_once(tf, t):
    v = tf.get_variable("a/v", [])
    for label, enter in {
        "string": lambda: tf.variable_scope("a", reuse=True),
        "path": lambda: tf.variable_scope("", reuse=True),
        "either": lambda: tf.variable_scope("a", reuse=tf.AUTO_REUSE),
        "object": lambda: tf.variable_scope(tf.VariableScope(True, "a")),
        "object, either": lambda: tf.variable_scope(tf.VariableScope(tf.AUTO_REUSE, "a")),
        "object, False": lambda: tf.variable_scope(tf.VariableScope(True, "a"), reuse=False),
        "object made to": lambda: tf.variable_scope(tf.VariableScope(False, "a"), reuse=True),
    }.items():
        with enter() as scope:
            t(label, tf.get_variable("a/v" if scope.name == "" else "v", []) is v)


@program("4", "6.2")
def a_miss_creates_nothing(tf, t):
    with tf.variable_scope("s", reuse=True):
        for name in ("v", "w"):
            with t.fails(name):
                tf.get_variable(name, [])
    with tf.variable_scope("s"):
        t("names are free", [tf.get_variable("v", []).name, tf.constant(1.0, name="w").name])


@program("5")
def what_none_and_false_mean(tf, t):
    with tf.variable_scope("a", use_resource=False, caching_device="", regularizer=lambda v: None, dtype=tf.float64):
        with tf.variable_scope("b", use_resource=None, caching_device=None, regularizer=None, dtype=None) as b:
            t("b", b)
        with tf.variable_scope("c", regularizer=tf.no_regularizer, dtype="float16") as c:
            t("c", [c, tf.get_variable("v", [])])


@program("5", covers="constraint-not-inherited")
def constraints_stay_where_they_are(tf, t):
    with tf.variable_scope("a", constraint=abs) as a:
        t("a", tf.get_variable("v", []))
        t("raw", tf.Variable(1.0, name="r"))
        with tf.variable_scope("b"):
            t("b", tf.get_variable("v", []))
        with tf.variable_scope(a):
            t("again", tf.get_variable("w", []))
        with tf.variable_scope("", constraint=abs):
            t("own", tf.get_variable("w", []))


@program("6.1", "6.2")
def found_by_an_absolute_path(tf, t):
    with tf.variable_scope("a"), tf.variable_scope("b"):
        v = tf.get_variable("c", [2])
    for scope, name in {"": "a/b/c", "a": "b/c", "a/b": "c"}.items():
        with tf.variable_scope(scope, reuse=True):
            t(f"{scope}+{name}", tf.get_variable(name) is v)
    with tf.variable_scope("a", reuse=True), t.fails("from the root inside"):
        tf.get_variable("a/b/c")


@program("6.2")
def found_whatever_else_is_said(tf, t):
    v = tf.get_variable("v", [2])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE, regularizer=lambda v: 1 / 0, initializer=lambda s, dtype: 1 / 0):
        for label, options in {
            "trainable": {"trainable": False},
            "collections": {"collections": ["x"]},
            "bad collections": {"collections": "x"},
            "constraint": {"constraint": abs},
            "bad constraint": {"constraint": 3},
            "initializer": {"initializer": tf.ones_initializer()},
            "a class": {"initializer": tf.ones_initializer},
            "a thunk": {"initializer": lambda: 1.0},
            "a constant": {"initializer": 1.0},
            "regularizer": {"regularizer": lambda v: 1 / 0},
            "synchronization": {"synchronization": tf.VariableSynchronization.ON_READ},
            "bad synchronization": {"synchronization": "x"},
            "validate": {"validate_shape": False},
        }.items():
            with t.fails(label):
                t(f"{label} found", tf.get_variable("v", **options) is v)


@program("6.3")
def unknown_shapes(tf, t):
    for label, shape in {"unknown": tf.TensorShape(None), "partly": [None, 2], "none": None}.items():
        for what, initializer in {
            "default": None,
            "zeros": tf.zeros_initializer(),
            "thunk": lambda: np.ones((3, 2), np.float32),
            "constant": np.ones((3, 2), np.float32),
        }.items():
            with t.fails(f"{label} {what}"):
                v = tf.get_variable(f"{label}_{what}", shape, initializer=initializer)
                t(f"{label} {what} is", v)
            with t.fails(f"{label} {what} unvalidated"):
                v = tf.get_variable(f"{label}_{what}_u", shape, initializer=initializer, validate_shape=False)
                t(f"{label} {what} unvalidated is", v)


@program("6.4", covers="no-argument-callables")
def thunks_decide(tf, t):
    with tf.variable_scope("s", dtype=tf.float64):
        t("ints", tf.get_variable("a", initializer=lambda: [1, 2]))
        t("with a dtype", tf.get_variable("b", dtype=tf.int64, initializer=lambda: [1, 2]))
        t("a default argument", tf.get_variable("c", initializer=lambda x=3: x))
        t("only *args", tf.get_variable("d", initializer=lambda *args: 1.5))
        t("only **kwargs", tf.get_variable("e", initializer=lambda **kwargs: True))
    with tf.variable_scope("s", reuse=True):
        with t.fails("found with the scope's dtype"):
            tf.get_variable("a")
        t("found", tf.get_variable("a", dtype=tf.int32))


@program("6.4", covers="scope-dtype-and-constants")
def constants_in_scopes_of_a_dtype(tf, t):
    with tf.variable_scope("s", dtype=tf.float16):
        for number, value in enumerate((1, 1.0, True, [1.0], np.float64(1), np.ones(2, np.int8), "x")):
            t(f"{value!r}", tf.get_variable(f"v{number}", initializer=value))
    with tf.variable_scope("t", dtype=tf.int32, initializer=2.0):
        t("by the scope", tf.get_variable("v"))
        with t.fails("with a shape"):
            tf.get_variable("w", [2])


@program("6.5")
def order_of_collections(tf, t):
    a = tf.get_variable("a", [], collections=["x", "variables", "y"])
    b = tf.Variable(1.0, name="b", collections=["y", "x"], trainable=False)
    c = tf.get_local_variable("c", [], collections=["x"])
    t("x", [a in tf.get_collection("x"), b in tf.get_collection("x"), c in tf.get_collection("x")])
    t("all", {key: names(tf.get_collection(key)) for key in ("x", "y", "variables", "local_variables")})


@program("6.6")
def regularizers_and_their_names(tf, t):
    with tf.variable_scope("s", regularizer=lambda v: tf.constant(1.0, name="r")):
        tf.get_variable("a", [])
        with tf.name_scope("n"):
            tf.get_variable("b", [])
        tf.get_variable("i", [], tf.int32)
        tf.get_local_variable("l", [])
        tf.get_variable("f", [], trainable=False)
        tf.get_variable("p", [4], partitioner=tf.fixed_size_partitioner(2))
        tf.Variable(1.0, name="raw")
        tf.get_variable("none", [], regularizer=tf.no_regularizer)
    t("losses", names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))


@program("6.8")
def local_variables_everywhere(tf, t):
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        t("made", tf.get_local_variable("l", [], trainable=True))
        t("found", tf.get_local_variable("l", []))
        t("found as a global one", tf.get_variable("l", []))
        t("a global one", tf.get_variable("g", []))
        t("found as a local one", tf.get_local_variable("g", []))
    with t.fails("clash"):
        with tf.variable_scope("s"):
            tf.get_local_variable("g", [])


@program("7")
def raw_variables_in_every_scope(tf, t):
    with tf.variable_scope("s", dtype=tf.float16, initializer=tf.ones_initializer(), reuse=tf.AUTO_REUSE):
        for _ in range(2):
            t(f"raw {_}", tf.Variable(2.0, name="r"))
            t(f"nameless {_}", tf.Variable(2))
        with tf.name_scope("n"), tf.variable_scope("t"):
            t("deep", tf.Variable([1.0], name="a/b"))
    with tf.variable_scope("s"):
        t("second opening", tf.Variable(True, name="r"))
    with t.fails("shared"):
        with tf.variable_scope("s", reuse=True):
            tf.get_variable("r", [])


@program("9", covers="getter-defaults")
def forgetful_getters(tf, t):
    def forwards(*keys):
        def getter(getter, name, **kwargs):
            return getter(name, **{key: kwargs[key] for key in keys})

        return getter

    for number, keys in enumerate(
        (
            ("shape",),
            ("shape", "dtype"),
            ("shape", "reuse"),
            ("shape", "trainable"),
            ("dtype",),
            ("shape", "initializer"),
        )
    ):
        for step in range(2):
            with t.fails(f"{keys} {step}"):
                with tf.variable_scope("s", custom_getter=forwards(*keys.split()), dtype=tf.float64):
                    v = tf.get_variable(f"v{number}", [2], initializer=tf.zeros_initializer(), trainable=False)
                    t(f"{keys} {step} got", v)


@program("9", covers="argument-replaces-the-chain setter-replaces-the-chain")
def chains_replaced(tf, t):
    def suffix(end):
        return lambda getter, name, *args, **kwargs: getter(name + end, *args, **kwargs)

    with tf.variable_scope("a", custom_getter=suffix("_a")):
        with tf.variable_scope("b", custom_getter=suffix("_b")) as b:
            t("both", tf.get_variable("v", []).name)
            t("own", tf.get_variable("v", [], custom_getter=suffix("_own")).name)
            b.set_custom_getter(suffix("_set"))
            t("set", tf.get_variable("v", []).name)
            with tf.variable_scope("c", custom_getter=suffix("_c")):
                t("below", tf.get_variable("v", []).name)
            b.set_custom_getter(None)
            t("cleared", tf.get_variable("v", []).name)
        with tf.variable_scope("d"):
            t("of a alone", tf.get_variable("v", []).name)
    with tf.variable_scope(b, custom_getter=suffix("_jump")):
        t("jump", tf.get_variable("w", []).name)


@program("9", covers="name-scopes-around-getters")
def scopes_opened_by_getters(tf, t):
    def getter(getter, name, *args, **kwargs):
        with tf.name_scope("n"), tf.variable_scope("v", reuse=True):
            found = getter(name, *args, **kwargs)
            t(f"op of {found.op.name}", tf.constant(1.0, name="c").name)
        return found

    with tf.variable_scope("s", custom_getter=getter):
        with tf.name_scope("around"):
            t("first", tf.get_variable("a", []))
        t("second", tf.get_variable("b", []))
        t("name scope", scope_name(tf))
    with tf.variable_scope("s", reuse=True):
        t("found", tf.get_variable("a", []))
        with t.fails("by the object's name"):
            tf.get_variable("n/v/s/a", [])


@program("9")
def a_getter_of_getters(tf, t):
    def splitting(getter, name, shape=None, *args, **kwargs):
        return [getter(f"{name}/{half}", [shape[0] // 2], *args, **kwargs) for half in "lr"]

    with tf.variable_scope("a", custom_getter=splitting), tf.variable_scope("b", custom_getter=splitting):
        t("made", tf.get_variable("v", [8]))
    with tf.variable_scope("a", reuse=True, custom_getter=splitting):
        t("partly", tf.get_variable("b/v/l", [4]))
    t("names", names(tf.global_variables()))


@program("10", covers="found-without-partitioner")
def partitions_found_and_missed(tf, t):
    two, three = tf.fixed_size_partitioner(2), tf.fixed_size_partitioner(3)
    with tf.variable_scope("s", partitioner=two):
        t("made", tf.get_variable("v", [6]))
    for reuse in (True, tf.AUTO_REUSE, None):
        for label, options in {
            "bare": {},
            "shape": {"shape": [6]},
            "two": {"shape": [6], "partitioner": two},
            "three": {"shape": [6], "partitioner": three},
            "two without shape": {"partitioner": two},
            "other shape": {"shape": [5], "partitioner": two},
            "dtype": {"shape": [6], "dtype": tf.float64, "partitioner": two},
        }.items():
            word = getattr(reuse, "name", reuse)
            with t.fails(f"{word} {label}"):
                with tf.variable_scope("s", reuse=reuse):
                    t(f"{word} {label} found", tf.get_variable("v", **options))


@program("10")
def a_part_in_place_of_the_whole(tf, t):
    tf.get_variable("a/part_0", [2])
    with t.fails("partitioned over a part"):
        tf.get_variable("a", [4], partitioner=tf.fixed_size_partitioner(2))
    with t.fails("plain over a part"):
        t("plain", tf.get_variable("a", [4]))
    tf.get_variable("b", [4], partitioner=tf.fixed_size_partitioner(2))
    with tf.variable_scope("", reuse=True):
        t("a part", tf.get_variable("b/part_1", [2]))
        with t.fails("no such part"):
            tf.get_variable("b/part_2", [2])


@program("11.1", "11.5")
def a_template_before_and_after(tf, t):
    template = tf.make_template("t", lambda: tf.get_variable("v", []))
    for label in ("before", "after"):
        t(label, [template.name, template.variable_scope_name, template.variable_scope, names(template.variables)])
        with tf.variable_scope("o"), tf.name_scope("n"):
            template()
    now = tf.make_template("t", lambda: tf.get_variable("v", []), create_scope_now_=True)
    t("now", [now.name, now.variable_scope_name, now.variable_scope, names(now.variables)])
    now()
    t("now called", names(now.variables))


@program("11.2", "11.3")
def a_template_that_grows(tf, t):
    steps = []

    def function(kind):
        steps.append(kind)
        if kind == "shared":
            return tf.get_variable(f"v{len(steps)}", [])
        if kind == "raw":
            return tf.Variable(1.0, name="r")
        if kind == "frozen":
            return tf.Variable(1.0, name="f", trainable=False)
        if kind == "local":
            return tf.get_local_variable("l", [])
        return tf.get_variable("base", [])

    template = tf.make_template("t", function)
    for number, kind in enumerate(("base", "base", "frozen", "raw", "shared", "local", "base")):
        with t.fails(f"{number} {kind}"):
            t(f"{number} {kind} got", template(kind))
    t("all", names(tf.global_variables()))


@program("11.6")
def unique_names_of_templates(tf, t):
    def leaf():
        return tf.get_variable("v", [])

    first = tf.make_template("a", leaf, unique_name_="u")
    t("first", first())
    with t.fails("clash"):
        tf.make_template("b", leaf, unique_name_="u")()
    with tf.variable_scope("", reuse=True):
        t("shared", tf.make_template("c", leaf, unique_name_="u")())
    with tf.variable_scope("o"):
        t("elsewhere", tf.make_template("a", leaf, unique_name_="u")())
    with tf.variable_scope(None, "u") as scope:
        t("counted", scope.name)
    t("op names", [first.name, first.variable_scope])


@program("11.7")
def templates_in_loops(tf, t):
    def inner():
        return tf.get_variable("w", []).name

    def outer(count):
        return [tf.make_template("layer", inner)() for _ in range(count)]

    template = tf.make_template("net", outer)
    t("three", template(3))
    t("two", template(2))
    with t.fails("four"):
        template(4)
    t("three again", template(3))


@program("12")
def scopes_as_expressions(tf, t):
    for name in ("a/b", "ab", "b/a", "a", "zz/a/b", "A/b"):
        tf.get_variable(name, [])
    tf.add_to_collection("variables", 5)
    for expression in ("a", "a/", ".*a/b", "", "a$", "[ab]", "a|z", "(?i)a"):
        t(expression, names(tf.get_collection("variables", expression)))
    t("None", len(tf.get_collection("variables", None)))


@program("12", covers="17.21")
def steps_of_scopes(tf, t):
    with tf.variable_scope("s"):
        t("made", tf.train.get_or_create_global_step())
    with tf.variable_scope("u", reuse=True):
        t("found", tf.train.get_or_create_global_step())
    with tf.Graph().as_default(), tf.variable_scope("u", reuse=True), t.fails("missed"):
        tf.train.get_or_create_global_step()


@program("13")
def a_graph_entered_in_the_middle(tf, t):
    other = tf.Graph()
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE), tf.name_scope("n"):
        with other.as_default(), tf.variable_scope("b") as b:
            t("b", [b, scope_name(tf), tf.get_variable("v", []).name])
        t("back", [tf.get_variable_scope(), scope_name(tf), tf.get_variable("v", []).name])
    with other.as_default(), tf.variable_scope(None, "b") as b:
        t("again", b)


@program("9.1")
def creators_in_scopes_of_graphs(tf, t):
    seen = []

    def creator(next_creator, **kwargs):
        seen.append(kwargs["name"])
        return next_creator(**kwargs)

    other = tf.Graph()
    with tf.variable_creator_scope(creator), tf.variable_scope("s"):
        tf.get_variable("v", [])
        with other.as_default():
            tf.get_variable("w", [])
        tf.Variable(1.0, name="r")
        tf.make_template("t", lambda: tf.get_variable("x", []))()
        tf.train.get_or_create_global_step()
    tf.get_variable("after", [])
    t("seen", seen)
