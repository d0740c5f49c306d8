"""Section 9: custom getters and creators."""

from tests.conformance.program import program


def suffix(end):
    def getter(getter, name, *args, **kwargs):
        return getter(name + end, *args, **kwargs)

    return getter


@program("9")
def what_a_getter_gets(tf, t):
    seen = []

    def spy(getter, *args, **kwargs):
        seen.append((args, kwargs))
        return getter(*args, **kwargs)

    with tf.variable_scope("s", custom_getter=spy):
        tf.get_variable("v", [2])
        tf.get_local_variable("l", [3], collections=["mine"])
    t("no positional arguments", [args for args, _ in seen])
    t("keywords", sorted(seen[0][1]))
    for number, label in enumerate(("v", "l")):
        kwargs = seen[number][1]
        for key in sorted(kwargs):
            if key not in ("use_resource", "caching_device"):
                t(f"{label} {key}", kwargs[key])


@program("9")
def what_a_getter_gets_from_the_scope(tf, t):
    seen = {}

    def spy(getter, *args, **kwargs):
        seen.update(kwargs)
        return getter(*args, **kwargs)

    with tf.variable_scope(
        "s",
        custom_getter=spy,
        dtype=tf.float64,
        initializer=tf.ones_initializer(),
        regularizer=lambda v: None,
        constraint=lambda v: v,
        partitioner=None,
        reuse=tf.AUTO_REUSE,
    ):
        tf.get_variable("v", (2, 3))
        t("shape", seen["shape"])
        t("type of shape", type(seen["shape"]).__name__)
        for key in ("name", "dtype", "initializer", "regularizer", "constraint", "reuse", "trainable", "collections"):
            t(key, seen[key])
        tf.get_variable("c", initializer=1)
        t("constant dtype", seen["dtype"])
        t("constant", seen["initializer"])
        with tf.variable_scope("child"):
            tf.get_variable("v", [])
            t("child constraint", seen["constraint"])
    with tf.variable_scope("s", custom_getter=spy, reuse=True, dtype=tf.float64):
        tf.get_variable("v", (2, 3))
        t("reuse True", seen["reuse"])


@program("9")
def positional_parameters_in_the_getter(tf, t):
    def getter(
        getter, name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=True, *args, **kwargs
    ):
        t(f"extra of {name}", [list(args), sorted(kwargs)])
        return getter(
            name,
            shape,
            dtype=dtype,
            initializer=initializer,
            regularizer=regularizer,
            trainable=trainable,
            *args,
            **kwargs,
        )

    with tf.variable_scope("s", custom_getter=getter):
        t("v", tf.get_variable("v", [2], trainable=False))


@program("9", covers="true-getter-order 17.12")
def the_true_getters_own_order(tf, t):
    def getter(getter, name, *args, **kwargs):
        return getter(name, [2, 3], tf.float64, tf.ones_initializer(), None, None, False, ["mine"])

    with tf.variable_scope("s", custom_getter=getter):
        v = tf.get_variable("v", [9])
        t("v", v)
        t.value("values", v)
        t("found although reuse is False", tf.get_variable("v", [9]) is v)

    def wrong(getter, name, *args, **kwargs):
        return getter(name, custom_getter=None)

    with tf.variable_scope("t", custom_getter=wrong):
        with t.fails("no custom_getter"):
            tf.get_variable("v", [2])


@program("9", covers="getter-defaults 17.12")
def what_is_not_forwarded_falls_back(tf, t):
    def only_name(getter, name, *args, **kwargs):
        return getter(name)

    def name_and_shape(getter, name, *args, **kwargs):
        return getter(name, shape=kwargs["shape"])

    with tf.variable_scope("s", custom_getter=only_name):
        with t.fails("no shape"):
            tf.get_variable("v", [2])
    with tf.variable_scope("u", custom_getter=name_and_shape, dtype=tf.float64):
        v = tf.get_variable("v", [2], trainable=False)
        t("v", v)
        t("found", tf.get_variable("v", [2]) is v)
    with tf.variable_scope("u", custom_getter=name_and_shape, reuse=True):
        t("missing is created", tf.get_variable("w", [2]))


@program("9")
def nested_getters_run_inner_first(tf, t):
    with tf.variable_scope("o", custom_getter=suffix("_out")) as outer:
        with tf.variable_scope("i", custom_getter=suffix("_in")) as inner:
            t("v", tf.get_variable("v", []))
            with tf.variable_scope("none"):
                t("inherited", tf.get_variable("v", []))
        t("outer only", tf.get_variable("v", []))
        t("wrapped", inner.custom_getter is not None)
    with tf.variable_scope(inner):
        t("jump", tf.get_variable("w", []))
    with tf.variable_scope("ambient", custom_getter=suffix("_ambient")):
        with tf.variable_scope(outer):
            t("ambient does not apply", tf.get_variable("w", []))
        with tf.variable_scope(inner, custom_getter=suffix("_front")):
            t("in front", tf.get_variable("x", []))


@program("9")
def default_named_scopes_chain_getters_too(tf, t):
    with tf.variable_scope("o", custom_getter=suffix("_o")):
        with tf.variable_scope(None, "d", custom_getter=suffix("_d")):
            t("v", tf.get_variable("v", []))
        with tf.variable_scope(None, "d"):
            t("inherited", tf.get_variable("v", []))


@program("9", covers="argument-replaces-the-chain 17.11")
def a_getter_argument_replaces_the_chain(tf, t):
    with tf.variable_scope("o", custom_getter=suffix("_out")):
        with tf.variable_scope("i", custom_getter=suffix("_in")):
            t("v", tf.get_variable("v", [], custom_getter=suffix("_own")))
            t("w", tf.get_variable("w", []))


@program("9", covers="setter-replaces-the-chain 17.11")
def set_custom_getter_replaces_the_chain(tf, t):
    with tf.variable_scope("o", custom_getter=suffix("_out")):
        with tf.variable_scope("i", custom_getter=suffix("_in")) as scope:
            scope.set_custom_getter(suffix("_set"))
            t("v", tf.get_variable("v", []))
            with tf.variable_scope("c", custom_getter=suffix("_c")):
                t("child", tf.get_variable("v", []))
            scope.set_custom_getter(None)
            t("cleared", tf.get_variable("w", []))
        t("outer", tf.get_variable("w", []))


@program("9")
def the_roots_getter_is_outermost(tf, t):
    tf.get_variable_scope().set_custom_getter(suffix("_root"))
    t("v", tf.get_variable("v", []))
    with tf.variable_scope("s", custom_getter=suffix("_s")):
        t("in s", tf.get_variable("v", []))
    with tf.variable_scope("u"):
        t("in u", tf.get_variable("v", []))


@program("9")
def a_getter_may_return_anything(tf, t):
    for label, value in (("none", None), ("word", "text"), ("list", [1, 2])):
        with tf.variable_scope(label, custom_getter=lambda getter, name, value=value, **kwargs: value):
            t(label, tf.get_variable("v", [2]))
    t("variables", tf.global_variables())


@program("9")
def a_getter_may_call_twice(tf, t):
    def pair(getter, name, *args, **kwargs):
        return [getter(name + "/0", *args, **kwargs), getter(name + "/1", *args, **kwargs)]

    with tf.variable_scope("s", custom_getter=pair):
        t("pair", tf.get_variable("v", []))
        with tf.variable_scope("u", custom_getter=pair):
            t("tree", tf.get_variable("v", []))


@program("9")
def trees_of_names_grow_inner_first(tf, t):
    def adds(part):
        def getter(getter, name, *args, **kwargs):
            return [getter(f"{name}/{part}{number}", *args, **kwargs) for number in range(2)]

        return getter

    with tf.variable_scope("p", custom_getter=adds("p")):
        with tf.variable_scope("q", custom_getter=adds("q")):
            with tf.variable_scope("r", custom_getter=adds("r")):
                t("v", tf.get_variable("v", []))


@program("9")
def a_getter_renames_absolutely(tf, t):
    def shared(getter, name, *args, **kwargs):
        return getter("shared/w", *args, **kwargs)

    with tf.variable_scope("s", custom_getter=shared, reuse=tf.AUTO_REUSE):
        v = tf.get_variable("a", [2])
        t("v", v)
        t("same", tf.get_variable("b", [2]) is v)


@program("9")
def a_getter_changes_arguments(tf, t):
    def change(getter, name, *args, **kwargs):
        kwargs.update(
            trainable=False, collections=["mine"], dtype=tf.float64, shape=[3], initializer=tf.ones_initializer()
        )
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=change):
        v = tf.get_variable("v", [2])
        t("v", v)
        t.value("values", v)


@program("9")
def a_getter_changes_reuse(tf, t):
    def forced(value):
        def getter(getter, name, *args, **kwargs):
            kwargs["reuse"] = value
            return getter(name, *args, **kwargs)

        return getter

    with tf.variable_scope("s", custom_getter=forced(tf.AUTO_REUSE)):
        v = tf.get_variable("v", [2])
        t("auto", tf.get_variable("v", [2]) is v)
    with tf.variable_scope("s", custom_getter=forced(True)):
        t("true", tf.get_variable("v", [2]) is v)
        with t.fails("missing"):
            tf.get_variable("w", [2])
    with tf.variable_scope("s", custom_getter=forced(False), reuse=True):
        t("false creates", tf.get_variable("w", [2]))


@program("9")
def a_getter_makes_other_variables(tf, t):
    def companion(getter, name, *args, **kwargs):
        if name.endswith("_mean"):
            return getter(name, *args, **kwargs)
        main = getter(name, *args, **kwargs)
        tf.get_variable(name.rsplit("/", 1)[-1] + "_mean", kwargs["shape"], trainable=False)
        return main

    with tf.variable_scope("s", custom_getter=companion):
        t("v", tf.get_variable("v", [2]))


@program("9")
def a_getter_that_raises(tf, t):
    def bad(getter, name, *args, **kwargs):
        raise KeyError("refused")

    with tf.variable_scope("s", custom_getter=bad):
        with t.fails("raises", "refused"):
            tf.get_variable("v", [2])
    t("scope", tf.get_variable_scope().name)
    t("name scope", tf.get_default_graph().get_name_scope())


@program("9")
def a_getter_that_raises_afterwards(tf, t):
    def bad(getter, name, *args, **kwargs):
        getter(name, *args, **kwargs)
        raise KeyError("too late")

    with tf.variable_scope("s", custom_getter=bad):
        with t.fails("raises", "too late"):
            tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        t("made", tf.get_variable("v", [2]))


@program("9", covers="name-scopes-around-getters 17.12")
def getters_run_at_the_root_name_scope(tf, t):
    def look(getter, name, *args, **kwargs):
        t(f"name scope of {name}", tf.get_default_graph().get_name_scope())
        t(f"op of {name}", tf.constant(1.0, name="c"))
        t(f"scope of {name}", tf.get_variable_scope().name)
        return getter(name, *args, **kwargs)

    with tf.name_scope("n"), tf.variable_scope("s", custom_getter=look):
        t("v", tf.get_variable("v", []))
        t("restored", tf.get_default_graph().get_name_scope())


@program("9", covers="name-scopes-around-getters 17.12")
def a_name_scope_around_the_inner_call(tf, t):
    def inside(getter, name, *args, **kwargs):
        with tf.name_scope("zz"):
            return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=inside):
        v = tf.get_variable("v", [])
        t("v", v)
    with tf.variable_scope("s", reuse=True):
        t("found", tf.get_variable("v") is v)
    with tf.variable_scope("", reuse=True):
        with t.fails("object name"):
            tf.get_variable("zz/s/v")


@program("9", covers="name-scopes-around-getters 17.12")
def a_variable_scope_around_the_inner_call(tf, t):
    def inside(getter, name, *args, **kwargs):
        with tf.variable_scope("inside", dtype=tf.float64, reuse=True, initializer=tf.ones_initializer()):
            return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=inside):
        v = tf.get_variable("v", [2])
        t("v", v)
    with tf.variable_scope("s", reuse=True):
        t("found", tf.get_variable("v") is v)


@program("9")
def a_getter_that_cannot_be_called(tf, t):
    for label, value in (("three", 3), ("zero", 0), ("false", False), ("word", "x")):
        with tf.variable_scope(label, custom_getter=value):
            with t.fails(label):
                tf.get_variable("v", [2])
    with t.fails("as argument"):
        tf.get_variable("v", [2], custom_getter=3)
    t("then", tf.get_variable("v", [2]))


@program("9")
def getters_are_called_on_reuse(tf, t):
    calls = []

    def count(getter, name, *args, **kwargs):
        calls.append(name)
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=count, reuse=tf.AUTO_REUSE):
        for _ in range(3):
            tf.get_variable("v", [])
        tf.Variable(1.0, name="raw")
        tf.get_local_variable("l", [])
    t("calls", calls)


@program("9")
def a_getter_object_and_a_method(tf, t):
    class Getter:
        def __init__(self):
            self.names = []

        def __call__(self, getter, name, *args, **kwargs):
            self.names.append(name)
            return getter(name, *args, **kwargs)

        def method(self, getter, name, *args, **kwargs):
            self.names.append("method " + name)
            return getter(name, *args, **kwargs)

    getter = Getter()
    with tf.variable_scope("s", custom_getter=getter):
        tf.get_variable("v", [])
        with tf.variable_scope("u", custom_getter=getter.method):
            tf.get_variable("v", [])
    t("names", getter.names)


@program("9")
def an_extra_keyword_travels_down_the_chain(tf, t):
    def outer(getter, name, registered=False, **kwargs):
        t(f"registered {name}", registered)
        return getter(name, **kwargs)

    def inner(getter, name, **kwargs):
        return getter(name, registered=True, **kwargs)

    with tf.variable_scope("o", custom_getter=outer):
        t("v", tf.get_variable("v", []))
        with tf.variable_scope("i", custom_getter=inner):
            t("w", tf.get_variable("w", []))


@program("9")
def the_regularizer_sees_the_renamed_variable(tf, t):
    names = []

    def regularizer(v):
        names.append(v.op.name)

    with tf.variable_scope("s", custom_getter=suffix("_x"), regularizer=regularizer):
        tf.get_variable("v", [2])
    t("name", names[0])


@program("9")
def the_current_scope_with_a_getter(tf, t):
    with tf.variable_scope("s", custom_getter=suffix("_s")):
        with tf.variable_scope(
            tf.get_variable_scope(), custom_getter=suffix("_here"), auxiliary_name_scope=False
        ) as scope:
            t("scope", scope)
            t("v", tf.get_variable("v", []))
            t("op", tf.constant(1.0, name="c"))


@program("9")
def an_averaging_getter_with_reuse(tf, t):
    averages = {}

    def model():
        return tf.get_variable("w", [2], initializer=tf.ones_initializer())

    with tf.variable_scope("net"):
        w = model()
    averages[w.op.name] = tf.Variable([5.0, 5.0], name="net/w/average", trainable=False)

    def average(getter, name, *args, **kwargs):
        found = getter(name, *args, **kwargs)
        return averages.get(found.op.name, found)

    with tf.variable_scope("net", custom_getter=average, reuse=True):
        got = model()
    t("got", got)
    t.value("value", got)
    with tf.variable_scope("", custom_getter=average, reuse=True):
        t("from the empty name", tf.get_variable("net/w", [2]) is got)


@program("9")
def wrapping_the_initializer(tf, t):
    def double(getter, name, *args, **kwargs):
        initializer = kwargs["initializer"]
        t(f"initializer of {name}", initializer is None)
        if initializer is not None:
            kwargs["initializer"] = lambda shape, dtype=None, partition_info=None: initializer(shape, dtype=dtype) + 1
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=double):
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
        t("v", v)
        t.value("values", v)
        t("none", tf.get_variable("w", [2]))


@program("9", "6.8")
def a_getter_sees_extended_collections(tf, t):
    def spy(getter, name, *args, **kwargs):
        t(f"collections of {name}", kwargs["collections"])
        t(f"trainable of {name}", kwargs["trainable"])
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=spy):
        tf.get_local_variable("a", [])
        tf.get_local_variable("b", [], collections=["mine"], trainable=True)
        tf.get_variable("c", [])
        tf.get_variable("d", [], collections=["mine"], trainable=False)


@program("9.1")
def a_creator_sees_everything(tf, t):
    seen = []

    def creator(next_creator, **kwargs):
        seen.append(kwargs)
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        with tf.variable_scope("s"):
            tf.get_variable("v", [2], trainable=False, collections=["mine"])
        tf.Variable(1.0, name="raw")
        tf.Variable(1.0)
    t("count", len(seen))
    t("names", [kwargs.get("name") for kwargs in seen])
    for key in ("trainable", "collections", "validate_shape", "dtype", "constraint"):
        t(key, [kwargs.get(key) for kwargs in seen])
    for key in [
        "initial_value",
        "trainable",
        "collections",
        "validate_shape",
        "caching_device",
        "name",
        "dtype",
        "constraint",
        "use_resource",
        "synchronization",
        "aggregation",
        "shape",
    ]:
        t(f"has {key}", all(key in kwargs for kwargs in seen))


@program("9.1")
def creators_run_inner_first(tf, t):
    order = []

    def creator(label):
        def run(next_creator, **kwargs):
            order.append(label)
            return next_creator(**kwargs)

        return run

    with tf.variable_creator_scope(creator("outer")):
        with tf.variable_creator_scope(creator("inner")):
            tf.get_variable("v", [])
        tf.get_variable("w", [])
    tf.get_variable("x", [])
    t("order", order)


@program("9.1")
def creators_are_not_called_on_reuse(tf, t):
    calls = []

    def creator(next_creator, **kwargs):
        calls.append(kwargs["name"])
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator), tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [])
        tf.get_variable("v", [])
    t("calls", calls)


@program("9.1")
def a_creator_renames_the_object_only(tf, t):
    def creator(next_creator, **kwargs):
        kwargs["name"] = "renamed"
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator), tf.variable_scope("s"):
        v = tf.get_variable("v", [])
    t("v", v)
    with tf.variable_scope("s", reuse=True):
        t("key", tf.get_variable("v") is v)


@program("9.1")
def a_creator_changes_settings(tf, t):
    def creator(next_creator, **kwargs):
        kwargs["trainable"] = False
        kwargs["collections"] = ["mine"]
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        t("v", tf.get_variable("v", []))
        t("raw", tf.Variable(1.0, name="raw"))


@program("9.1")
def a_creator_returns_something_else(tf, t):
    with tf.variable_creator_scope(lambda next_creator, **kwargs: "text"):
        t("raw", tf.Variable(1.0, name="raw"))


@program("9.1")
def creators_left_out_of_order(tf, t):
    def creator(next_creator, **kwargs):
        return next_creator(**kwargs)

    outer = tf.variable_creator_scope(creator)
    inner = tf.variable_creator_scope(creator)
    outer.__enter__()
    inner.__enter__()
    with t.fails("outer first"):
        outer.__exit__(None, None, None)


@program("9.1")
def name_scopes_in_creators(tf, t):
    def creator(next_creator, **kwargs):
        t(f"name scope {kwargs['name']}", tf.get_default_graph().get_name_scope())
        with tf.name_scope("in"):
            return next_creator(**kwargs)

    with tf.variable_creator_scope(creator), tf.variable_scope("s"):
        t("got", tf.get_variable("v", []))
        t("raw", tf.Variable(1.0, name="raw"))


@program("9.1")
def a_creator_that_raises(tf, t):
    def creator(next_creator, **kwargs):
        raise KeyError("no room")

    with tf.variable_creator_scope(creator):
        with t.fails("get", "no room"):
            tf.get_variable("v", [])
        with t.fails("raw", "no room"):
            tf.Variable(1.0)
    t("then", tf.get_variable("v", []))


@program("9.1")
def creators_after_getters(tf, t):
    order = []

    def getter(getter, name, *args, **kwargs):
        order.append("getter")
        return getter(name + "_g", *args, **kwargs)

    def creator(next_creator, **kwargs):
        order.append(kwargs["name"])
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator), tf.variable_scope("s", custom_getter=getter):
        tf.get_variable("v", [])
    t("order", order)


@program("9.1")
def creators_belong_to_a_graph(tf, t):
    calls = []

    def creator(next_creator, **kwargs):
        calls.append(kwargs["name"])
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        tf.get_variable("here", [])
        with tf.Graph().as_default():
            tf.get_variable("there", [])
    t("calls", calls)
