"""Scopes, templates and name scopes across graphs, threads, jumps and failures, in each other's midst."""

import contextlib

import numpy as np

from tests.conformance.program import program, run_in_thread


def names(variables):
    return [variable.name for variable in variables]


@program("3.3", "13")
def a_scope_of_a_graph_that_is_gone(tf, t):
    with tf.Graph().as_default():
        with tf.variable_scope("kept", initializer=tf.ones_initializer(), dtype=tf.float64) as scope:
            tf.get_variable("v", [2])
    with tf.variable_scope(scope) as inner:
        t("scope", inner)
        t("v", tf.get_variable("v", [2]))
        t("raw", tf.Variable(1.0, name="raw"))
    with tf.variable_scope(scope, reuse=True):
        t("found", tf.get_variable("v", [2]))
    t("kept lists here", names(scope.global_variables()))
    with tf.Graph().as_default():
        t("kept lists there", names(scope.global_variables()))
        with tf.variable_scope(scope, reuse=True):
            with t.fails("not there"):
                tf.get_variable("v", [2])


@program("3.3", "13", graph=False)
def a_scope_after_a_reset(tf, t):
    tf.reset_default_graph()
    with tf.variable_scope("s") as scope:
        tf.get_variable("v", [])
        tf.Variable(1.0, name="r")
    template = tf.make_template("t", lambda: tf.get_variable("x", []))
    template()
    tf.reset_default_graph()
    with tf.variable_scope(scope) as again:
        t("again", again)
        t("v", tf.get_variable("v", []))
        t("r", tf.Variable(1.0, name="r"))
    with tf.variable_scope(None, "s") as numbered:
        t("numbered", numbered)
    with t.fails("the template"):
        template()
    t("its variables", names(template.variables))
    t("step", tf.train.get_or_create_global_step())
    tf.reset_default_graph()
    t("no step", tf.train.get_global_step())


@program("3.3", "14")
def scopes_handed_to_threads(tf, t):
    graph = tf.get_default_graph()
    with tf.variable_scope("outer", reuse=tf.AUTO_REUSE, regularizer=lambda v: None) as outer:
        tf.get_variable("v", [])

        def body():
            with graph.as_default():
                t("at the root", tf.get_variable_scope())
                with tf.variable_scope(outer) as scope:
                    t("jumped", scope)
                    t("v", tf.get_variable("v", []))
                    t("w", tf.get_variable("w", []))
                with tf.variable_scope("outer") as scope:
                    t("opened", scope)
                with tf.variable_scope(None, "outer") as scope:
                    t("numbered", scope)
                tf.get_variable_scope().set_dtype(tf.float16)
                t("h", tf.get_variable("h", []))

        run_in_thread(body)
        with tf.variable_scope(None, "outer") as scope:
            t("numbered here", scope)
        t("f", tf.get_variable("f", []))
    with tf.variable_scope(None, "outer") as scope:
        t("numbered after", scope)


@program("14")
def name_scopes_of_threads(tf, t):
    graph = tf.get_default_graph()
    with tf.name_scope("here"):

        def body():
            t("without the graph", tf.get_default_graph() is graph)
            with graph.as_default():
                t("name scope", graph.get_name_scope())
                with tf.name_scope("here") as scope:
                    t("entered", scope)
                    t("op", tf.constant(1.0, name="c").name)
                    t("raw", tf.Variable(1.0, name="r"))

        run_in_thread(body)
        t("op here", tf.constant(1.0, name="c").name)


@program("11.8", "14")
def templates_in_threads(tf, t):
    graph = tf.get_default_graph()
    made = {}

    def body():
        with graph.as_default():
            with tf.variable_scope("thread"):
                made["lazy"] = tf.make_template("lazy", lambda: tf.get_variable("x", []))
                made["now"] = tf.make_template("now", lambda: tf.get_variable("x", []), create_scope_now_=True)
                made["called"] = tf.make_template("called", lambda: tf.get_variable("x", []))
                made["called"]()

    run_in_thread(body)
    with tf.variable_scope("main"):
        for label, template in made.items():
            t(label, template())
            t(f"{label} again", template())
            t(f"{label} scope", template.variable_scope_name)

    def later():
        with graph.as_default():
            for label, template in made.items():
                t(f"{label} later", template())
            with tf.variable_scope(None, "lazy") as scope:
                t("numbered", scope)

    run_in_thread(later)


@program("3.2", "11.2")
def exceptions_through_everything(tf, t):
    def state(label):
        t(f"{label} scope", tf.get_variable_scope().name)
        t(f"{label} name scope", tf.get_default_graph().get_name_scope())

    def failing(v):
        raise LookupError("regularizer")

    template = tf.make_template("t", lambda: 1 / 0)
    with tf.variable_scope("a"), tf.name_scope("n"):
        for label, action in {
            "a scope": lambda: tf.variable_scope("two words").__enter__(),
            "a default name": lambda: tf.variable_scope(None, "two words").__enter__(),
            "a reused default name": lambda: tf.variable_scope(None, "d", reuse=True).__enter__(),
            "a name scope": lambda: tf.name_scope("two words").__enter__(),
            "a variable": lambda: tf.get_variable("two words", []),
            "a raw variable": lambda: tf.Variable(1.0, name="two words"),
            "a template": template,
            "a getter": lambda: tf.get_variable("v", [], custom_getter=lambda getter, *a, **k: 1 / 0),
            "an initializer": lambda: tf.get_variable("v", [], initializer=lambda s, dtype: 1 / 0),
            "a partitioner": lambda: tf.get_variable("v", [2], partitioner=lambda shape, dtype: 1 / 0),
            "a wrong type": lambda: tf.variable_scope(3).__enter__(),
        }.items():
            with t.fails(label):
                action()
            state(label)
        with t.fails("in a block"):
            with tf.variable_scope("b"), tf.name_scope("m"), tf.variable_scope(None, "c"):
                raise LookupError("block")
        state("in a block")
        with tf.variable_scope(None, "c") as scope:
            t("c", scope)
        t("v", tf.get_variable("v", []))


@program("3.2", "2")
def scopes_by_hand(tf, t):
    first = tf.variable_scope("a")
    second = tf.variable_scope("b")
    name = tf.name_scope("n")
    t("entered", first.__enter__())
    t("name", name.__enter__())
    t("inside", second.__enter__())
    t("v", tf.get_variable("v", []))
    t("r", tf.Variable(1.0, name="r"))
    second.__exit__(None, None, None)
    name.__exit__(None, None, None)
    first.__exit__(None, None, None)
    t("left", tf.get_variable_scope())
    t("name scope", tf.get_default_graph().get_name_scope())


@program("3.2")
def exit_stacks_and_generators(tf, t):
    with contextlib.ExitStack() as stack:
        for name in ("a", "b", "c"):
            stack.enter_context(tf.variable_scope(name, reuse=tf.AUTO_REUSE))
        t("v", tf.get_variable("v", []))
        stack.enter_context(tf.name_scope("n"))
        stack.enter_context(tf.variable_scope(None, "d"))
        t("w", tf.get_variable("w", []))

    @contextlib.contextmanager
    def block(name):
        with tf.variable_scope(name, "default") as scope, tf.name_scope("inner"):
            yield scope

    with block("x") as scope:
        t("x", scope)
        with block(None) as inner:
            t("default", inner)
            t("deep", tf.get_variable("v", []))
            t("raw", tf.Variable(1.0, name="r"))

    @block("decorated")
    def decorated():
        return tf.get_variable("v", [])

    t("decorated", decorated())
    with t.fails("decorated again"):
        decorated()
    t("current", tf.get_variable_scope())


@program(
    "11.6",
    "11.7",
    mended={
        "at the end": {
            key: [f"<variable {name}/x:0 float32 []>" for name in ("o/u", "o/i_1", "o/i", "shared/q/u")]
            for key in ("trainable_variables", "variables")
        }
    },
)
def templates_with_unique_names_in_templates(tf, t):
    def leaf():
        return tf.get_variable("x", [])

    def outer():
        first = tf.make_template("i", leaf, unique_name_="u")
        second = tf.make_template("i", leaf)
        third = tf.make_template("i", leaf, create_scope_now_=True)
        return [first(), second(), third(), first()]

    template = tf.make_template("o", outer)
    t("first", template())
    t("again", template())
    t("variables", names(template.variables))

    def colliding():
        return [tf.make_template("i", leaf, unique_name_="u")(), tf.make_template("j", leaf, unique_name_="u")()]

    with t.fails("colliding"):
        tf.make_template("p", colliding)()
    with tf.variable_scope("shared", reuse=tf.AUTO_REUSE):
        t("shared", tf.make_template("q", colliding)())


@program("11.6", covers="now-corners")
def now_templates_capture_settings(tf, t):
    calls = []

    def getter(getter, name, *args, **kwargs):
        calls.append(name)
        return getter(name, *args, **kwargs)

    def function():
        return [tf.get_variable("x", [2]), tf.get_variable_scope()]

    with tf.variable_scope(
        "p",
        initializer=tf.ones_initializer(),
        dtype=tf.float64,
        custom_getter=getter,
        constraint=abs,
        use_resource=False,
    ):
        now = tf.make_template("now", function, True)
        lazy = tf.make_template("lazy", function)
        own = tf.make_template("own", function, True, None, getter)
        with tf.variable_scope("deeper", dtype=tf.float16):
            t("now", now())
            t("lazy", lazy())
            t("own", own())
    t("calls", calls)
    t("now again", now())
    t("lazy again", lazy())
    t("captured", [now.variable_scope, lazy.variable_scope, own.variable_scope])


@program("11.2", "3.3", "2")
def a_template_called_after_name_scope_jumps(tf, t):
    template = tf.make_template("t", lambda: [tf.get_variable("x", []), tf.constant(1.0, name="c").name])
    with tf.name_scope("n") as n:
        t("first", template())
    with tf.name_scope(n):
        t("absolute", template())
    with tf.name_scope(""):
        t("root", template())
    with tf.name_scope(None):
        t("None", template())
    with tf.name_scope("n"):
        t("numbered", template())
        with tf.variable_scope("v"):
            t("in a scope", template())
    with tf.variable_scope(template.variable_scope, reuse=True):
        t("in its own scope", template())
    with tf.variable_scope(template.variable_scope, auxiliary_name_scope=False):
        t("in its own scope without a name scope", template())


@program("4", "10", "9", "11")
def everything_at_once(tf, t):
    seen = []

    def getter(getter, name, *args, **kwargs):
        seen.append([name, kwargs["partitioner"] is not None, str(getattr(kwargs["reuse"], "name", kwargs["reuse"]))])
        return getter(name, *args, **kwargs)

    def creator(next_creator, **kwargs):
        seen.append(["made", kwargs["name"], tf.get_default_graph().get_name_scope()])
        return next_creator(**kwargs)

    def function(width):
        with tf.variable_scope("inner", custom_getter=getter):
            w = tf.get_variable("w", [width, 2])
            with tf.variable_scope(tf.get_variable_scope(), partitioner=None, reuse=tf.AUTO_REUSE):
                b = tf.get_variable("b", [], initializer=tf.zeros_initializer())
        return [w, b, tf.constant(1.0, name="c").name]

    template = tf.make_template("t", function, width=4)
    with tf.variable_creator_scope(creator):
        with tf.variable_scope("s", reuse=tf.AUTO_REUSE, partitioner=tf.fixed_size_partitioner(2)) as scope:
            with tf.name_scope("jump/"):
                t("first", template())
                with tf.name_scope("deeper"):
                    t("second", template())
        with tf.variable_scope(scope, partitioner=tf.fixed_size_partitioner(1)):
            t("third", template())
        with t.fails("another width"):
            template(width=6)
    t("seen", seen)
    t("trainable", names(template.trainable_variables))


@program("4", "6.2")
def reuse_variables_midway(tf, t):
    def build():
        with tf.variable_scope("net") as scope:
            outcome = [scope.reuse]
            for step in range(2):
                outcome.append(tf.get_variable("w", [2]).name)
                with tf.variable_scope("deep") as deep:
                    outcome.append([deep.reuse, tf.get_variable("w", [2]).name])
                    tf.get_variable_scope().reuse_variables()
                    outcome.append([deep.reuse, scope.reuse])
                scope.reuse_variables()
            return outcome

    t("first", build())
    with t.fails("second"):
        build()
    tf.get_variable_scope().reuse_variables()
    t("after the root's", build())
    with tf.variable_scope("new"):
        with t.fails("new"):
            tf.get_variable("w", [])


@program("3.7")
def settings_set_midway(tf, t):
    with tf.variable_scope("s") as scope:
        with tf.variable_scope("before") as before:
            pass
        scope.set_initializer(tf.ones_initializer())
        scope.set_regularizer(lambda v: None)
        scope.set_dtype(tf.float64)
        scope.set_caching_device("/cpu:0")
        scope.set_use_resource(False)
        scope.set_partitioner(tf.fixed_size_partitioner(2))
        scope.set_custom_getter(lambda getter, *args, **kwargs: getter(*args, **kwargs))
        with tf.variable_scope("after") as after:
            t("after", after)
            t("cut", tf.get_variable("v", [4]))
        t("before", before)
        with tf.variable_scope(before) as again:
            t("before, again", again)
            t("v", tf.get_variable("v", [4]))
        for setter in ("initializer", "regularizer", "partitioner", "custom_getter", "caching_device", "use_resource"):
            getattr(scope, f"set_{setter}")(None)
        t("unset", scope)
        t("u", tf.get_variable("u", [4]))
        for junk in (3, "x"):
            scope.set_partitioner(junk)
            with t.fails(f"partitioner {junk}"):
                tf.get_variable("p", [4])
            scope.set_partitioner(None)
            scope.set_custom_getter(junk)
            with t.fails(f"getter {junk}"):
                tf.get_variable("p", [4])
            scope.set_custom_getter(None)
        scope.set_dtype("float16")
        t("by text", tf.get_variable("h", []))
        scope.set_dtype(np.int32)
        t("by NumPy", tf.get_variable("i", [], initializer=tf.zeros_initializer()))


@program("3.4", "3.3")
def default_names_across_jumps(tf, t):
    with tf.variable_scope("a") as a:
        with tf.variable_scope(None, "d") as d:
            pass
        with tf.variable_scope(d):
            with tf.variable_scope(None, "e") as e:
                t("inside the jump", e)
            with tf.variable_scope(a):
                with tf.variable_scope(None, "d") as other:
                    t("back", other)
            with tf.variable_scope(None, "e") as e:
                t("after going back", e)
        with tf.variable_scope(None, "d") as other:
            t("after the jump", other)
    with tf.variable_scope(a, reuse=tf.AUTO_REUSE):
        for number in range(2):
            with tf.variable_scope(None, "d") as other:
                t(f"outside {number}", other)
                t(f"v {number}", tf.get_variable("v", []))
    with tf.variable_scope("a"):
        with tf.variable_scope(None, "d") as other:
            t("opened again", other)


@program("3.4", "3.5")
def default_names_with_paths(tf, t):
    for number in range(2):
        with tf.variable_scope("p"):
            for step, default in enumerate(("x/y", "x", "x/y", "x", "x_1", "x/", "y")):
                with tf.variable_scope(None, default) as scope:
                    t(f"{number} {step} {default}", [scope, tf.constant(1.0, name="c").name])
            with tf.variable_scope("x"):
                with tf.variable_scope(None, "y") as scope:
                    t(f"{number} below", scope)


@program("3.6", "13")
def values_of_other_graphs(tf, t):
    other = tf.Graph()
    with other.as_default():
        tensor = tf.constant(1.0, name="there")
        variable = tf.get_variable("v", [])
    with tf.variable_scope("here"):
        with tf.variable_scope("s", values=[tensor]) as scope:
            t("scope", scope)
            t("graph", tf.get_default_graph() is other)
            t("made", tf.get_variable("w", []))
        with tf.variable_scope(None, "d", [variable]) as scope:
            t("default", scope)
        with tf.name_scope("n", values=[variable, None, 3]) as name:
            t("name", [name, tf.constant(1.0, name="c").name])
            t("graph by name scope", tf.get_default_graph() is other)
        with tf.variable_scope("empty", values=[]) as scope:
            t("empty", scope)
        with tf.variable_scope("numbers", values=[1.0, None, "x"]) as scope:
            t("numbers", scope)
        with t.fails("two graphs"):
            with tf.variable_scope("two", values=[tensor, tf.constant(1.0)]):
                pass
        t("back", tf.get_variable_scope())
    with other.as_default():
        t("there", names(tf.global_variables()))


@program("2")
def name_scopes_re_entered(tf, t):
    with tf.name_scope("a") as a, tf.name_scope("b") as b:
        t("inside", [a, b])
    with tf.name_scope(b):
        t("again", tf.constant(1.0, name="c").name)
        with tf.name_scope(a):
            t("up", tf.constant(1.0, name="c").name)
        with tf.variable_scope("v"):
            t("raw", tf.Variable(1.0, name="r"))
            t("shared", tf.get_variable("w", []))
    with tf.variable_scope("a/") as scope:
        t("a variable scope", scope)
        t("w", tf.get_variable("w", []))
        t("op", tf.constant(1.0, name="c").name)
    with tf.name_scope("a"):
        t("new", tf.constant(1.0, name="c").name)
    for odd in ("//", "/x", "x//", "x//y", ".", "-", "_", ">"):
        with t.fails(f"odd {odd}"):
            with tf.name_scope(odd) as scope:
                t(f"{odd} scope", scope)
                t(f"{odd} op", tf.constant(1.0, name="c").name)
    with tf.name_scope("in"):
        for odd in ("//", "/x", "x//", "x//y", ".", "-", "_", ">"):
            with t.fails(f"inside odd {odd}"):
                with tf.name_scope(odd) as scope:
                    t(f"inside {odd} scope", scope)
                    t(f"inside {odd} op", tf.constant(1.0, name="c").name)


@program("2", "7")
def one_name_scope_entered_twice(tf, t):
    manager = tf.name_scope("n")
    for number in range(2):
        with manager as scope:
            t(f"{number}", [scope, tf.constant(1.0, name="c").name])
    with tf.name_scope("o"):
        with manager as scope:
            t("inside", [scope, tf.Variable(1.0, name="r").name])


@program("3.5")
def one_scope_entered_twice_elsewhere(tf, t):
    plain, numbered = tf.variable_scope("s"), tf.variable_scope(None, "d")
    with tf.variable_scope("base") as base:
        pass
    jump = tf.variable_scope(base)
    for place in ("a", "b"):
        with tf.variable_scope(place):
            for label, manager in (("plain", plain), ("numbered", numbered), ("jump", jump)):
                with manager as scope:
                    t(f"{label} in {place}", [scope, tf.constant(1.0, name="c").name])
                    t(f"{label} in {place}, v", tf.get_variable(f"v_{place}", []))


@program("3.7", "12")
def listings_of_scopes(tf, t):
    with tf.variable_scope("s") as scope:
        tf.get_variable("v", [])
        tf.get_local_variable("l", [])
        tf.Variable(1.0, name="r", trainable=False)
        with tf.variable_scope("deep") as deep:
            tf.get_variable("v", [], collections=["mine"])
            tf.add_to_collection("mine", "text")
            tf.add_to_collection("mine", 3)
    with tf.variable_scope("s2") as other:
        tf.get_variable("v", [])
    with tf.variable_scope("S") as upper:
        tf.get_variable("v", [])
    for label, each in (("s", scope), ("deep", deep), ("s2", other), ("S", upper), ("root", tf.get_variable_scope())):
        t(f"{label} global", names(each.global_variables()))
        t(f"{label} trainable", names(each.trainable_variables()))
        t(f"{label} local", names(each.local_variables()))
        t(f"{label} mine", each.get_collection("mine"))
        t(f"{label} nothing", each.get_collection("nothing"))
    for expression in ("s", "s/", "s/deep", ".*v", "s$", "[sS]/v", "", "s|S", "/s"):
        t(f"expression {expression}", names(tf.trainable_variables(scope=expression)))
        t(f"all of {expression}", names(tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope=expression)))
    with t.fails("a bad expression"):
        tf.trainable_variables(scope="(")
    with t.fails("a scope object"):
        tf.trainable_variables(scope=scope)
    t("by its name", names(tf.trainable_variables(scope=scope.name)))


@program("13")
def graphs_within_graphs(tf, t):
    first, second = tf.Graph(), tf.Graph()
    with first.as_default(), tf.variable_scope("a"), tf.name_scope("n"):
        tf.get_variable("v", [])
        with second.as_default(), tf.variable_scope("b"):
            tf.get_variable("v", [])
            with first.as_default():
                t("first again", tf.get_variable_scope())
                t("name scope", first.get_name_scope())
                t("of the second", second.get_name_scope())
                t("w", tf.get_variable("w", []))
            t("back in the second", tf.get_variable_scope())
        t("back in the first", tf.get_variable_scope())
    with second.as_default():
        with tf.variable_scope(None, "b") as scope:
            t("numbered", scope)
        t("listed", names(tf.global_variables()))
    t("collections", [sorted(graph.get_all_collection_keys()) for graph in (first, second)])
    t("a graph of its own", names(first.get_collection("variables")))
    with first.as_default() as graph:
        t("the target", graph is first)


@program("3.1")
def wrong_arguments_of_scopes(tf, t):
    cases = {
        "nothing": lambda: tf.variable_scope(),
        "None": lambda: tf.variable_scope(None),
        "a number": lambda: tf.variable_scope(3),
        "bytes": lambda: tf.variable_scope(b"s"),
        "a list": lambda: tf.variable_scope(["s"]),
        "a default number": lambda: tf.variable_scope(None, 3),
        "a name scope": lambda: tf.variable_scope(tf.name_scope("n")),
        "a scope in place of a default": lambda: tf.variable_scope(None, tf.get_variable_scope()),
        "reuse 1": lambda: tf.variable_scope("s", reuse=1),
        "reuse text": lambda: tf.variable_scope("s", reuse="True"),
        "reuse NumPy": lambda: tf.variable_scope("s", reuse=np.bool_(True)),
        "values 3": lambda: tf.variable_scope("s", values=3),
        "values text": lambda: tf.variable_scope("s", values="text"),
        "an unknown keyword": lambda: tf.variable_scope("s", colour="red"),
        "aux 1": lambda: tf.variable_scope("s", auxiliary_name_scope=1),
        "too many": lambda: tf.variable_scope(*["s"] * 14),
        "dtype junk": lambda: tf.variable_scope("s", dtype="junk"),
        "initializer junk": lambda: tf.variable_scope("s", initializer="junk"),
        "getter junk": lambda: tf.variable_scope("s", custom_getter="junk"),
        "a scope and a default": lambda: tf.variable_scope(tf.get_variable_scope(), "d", reuse=True),
        "a name and a default": lambda: tf.variable_scope("n", "d", reuse=True),
        "an empty name and a default": lambda: tf.variable_scope("", "d"),
    }
    for label, case in cases.items():
        manager = []
        with t.fails(f"{label}, making"):
            manager.append(case())
        if manager:
            with t.fails(f"{label}, entering"):
                with manager[0] as scope:
                    t(f"{label} scope", scope.name)
                    t(f"{label} reuse", scope.reuse)


@program("3.7")
def scopes_made_by_hand(tf, t):
    for label, arguments in {
        "nothing": {},
        "reuse": {"reuse": True},
        "a name": {"reuse": None, "name": "a/b"},
        "a slash": {"reuse": False, "name": "a/"},
        "auto": {"reuse": tf.AUTO_REUSE, "name": "x", "name_scope": "y/", "dtype": tf.float64},
    }.items():
        with t.fails(label):
            scope = tf.VariableScope(**arguments)
            t(f"{label} scope", [scope.name, scope.original_name_scope, str(getattr(scope.reuse, "name", scope.reuse))])
            with tf.variable_scope(scope) as inner:
                t(f"{label} entered", [inner.name, inner.original_name_scope])
                t(f"{label} name scope", tf.get_default_graph().get_name_scope())
                t(f"{label} v", tf.get_variable("v", []))
    scope = tf.VariableScope(
        False, "h", tf.ones_initializer(), None, "/cpu:0", None, None, "ns/", tf.float16, False, abs
    )
    t("positional", scope)
    for attribute in ("name", "reuse", "initializer", "dtype", "constraint", "original_name_scope"):
        with t.fails(f"set {attribute}"):
            setattr(scope, attribute, None)
