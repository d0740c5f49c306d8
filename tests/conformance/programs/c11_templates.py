"""Section 11: templates."""

import functools

from tests.conformance.program import program


def body(tf, name="x", **arguments):
    def function():
        return tf.get_variable(name, [], **arguments)

    return function


def properties(t, label, template):
    for key in [
        "name",
        "variable_scope",
        "variable_scope_name",
        "global_variables",
        "local_variables",
        "trainable_variables",
        "variables",
        "non_trainable_variables",
    ]:
        t(f"{label} {key}", getattr(template, key))


@program("11")
def two_calls_share(tf, t):
    template = tf.make_template("s", body(tf))
    first, second = template(), template()
    t("first", first)
    t("same", first is second)
    properties(t, "template", template)


@program("11")
def bad_arguments_of_make_template(tf, t):
    with t.fails("name None"):
        tf.make_template(None, body(tf))
    with t.fails("no function"):
        tf.make_template("s", None)()
    with t.fails("function of another type"):
        tf.make_template("s", 3)()
    with t.fails("nothing"):
        tf.make_template()
    template = tf.make_template("two words", body(tf))
    with t.fails("bad name at the call"):
        template()


@program("11")
def bound_keywords(tf, t):
    def function(x, y=2, *rest, z=3, **more):
        return [x, y, list(rest), z, more]

    template = tf.make_template("s", function, y=5, extra=6)
    t("bound", template(1))
    t("call wins", template(1, y=7))
    t("others", template(1, z=8, w=9))
    with t.fails("positional clash"):
        template(1, 2)
    with t.fails("missing"):
        template()
    t("func", isinstance(template.func, functools.partial))
    t("plain func", tf.make_template("s", function).func is function)


@program("11")
def return_values_pass_through(tf, t):
    values = [object(), None, (1, 2), {"a": 1}]
    template = tf.make_template("s", lambda i: values[i])
    t("same", [template(i) is values[i] for i in range(4)])


@program("11")
def keyword_spelling(tf, t):
    template = tf.make_template(
        name_="s", func_=body(tf), create_scope_now_=False, unique_name_=None, custom_getter_=None
    )
    t("x", template())
    t("name", template.name)


@program("11")
def the_founding_example(tf, t):
    def my_op(scalar_name):
        return tf.get_variable(scalar_name, shape=[], initializer=tf.constant_initializer(1))

    scale_by_y = tf.make_template("scale_by_y", my_op, scalar_name="y")
    t("y", scale_by_y())
    t("again", scale_by_y())
    now = tf.make_template("scale_by_y", my_op, create_scope_now_=True, scalar_name="y")
    t("now", now())
    t("now again", now())
    unbound = tf.make_template("unbound", my_op)
    t("first name", unbound(scalar_name="a"))
    with t.fails("second name"):
        unbound(scalar_name="b")


@program("11")
def re_entering_the_captured_scope(tf, t):
    def function():
        return tf.get_variable("y", [])

    with tf.variable_scope("scope") as captured:
        template = tf.make_template("scale", function)
        y = template()
    with tf.variable_scope(captured, reuse=True):
        again = tf.make_template("scale", function)
        t("shared", again() is y)
        t("name", again.variable_scope_name)
    t("y", y)


@program("11.1")
def numbers_go_by_the_first_call(tf, t):
    first = tf.make_template("s", body(tf))
    second = tf.make_template("s", body(tf))
    t("before", [first.variable_scope, first.variable_scope_name])
    t("second called first", second())
    t("first called second", first())
    properties(t, "first", first)
    properties(t, "second", second)


@program("11.1")
def lazy_templates_belong_to_the_first_caller(tf, t):
    template = tf.make_template("s", body(tf))
    with tf.variable_scope("o"):
        t("x", template())
    with tf.variable_scope("p"):
        t("elsewhere", template())
    t("scope name", template.variable_scope_name)


@program("11.1")
def create_scope_now(tf, t):
    with tf.variable_scope("o"):
        template = tf.make_template("s", body(tf), create_scope_now_=True)
        other = tf.make_template("s", body(tf), create_scope_now_=True)
    t("scope", template.variable_scope)
    t("other", other.variable_scope)
    properties(t, "before", template)
    with tf.variable_scope("elsewhere"):
        t("other x", other())
        t("x", template())
    properties(t, "after", template)


@program("11.1")
def template_names_count_scopes_only(tf, t):
    with tf.variable_scope("s"):
        pass
    t("x", tf.make_template("s", body(tf))())
    tf.get_variable("w/x", [])
    with t.fails("clash"):
        tf.make_template("w", body(tf))()


@program("11.1")
def templates_and_default_names_share_a_count(tf, t):
    tf.make_template("d", body(tf))()
    with tf.variable_scope(None, "d") as scope:
        t("default", scope)
    template = tf.make_template("d", body(tf), create_scope_now_=True)
    t("now", template.variable_scope)
    with tf.variable_scope(None, "d") as scope:
        t("default again", scope)


@program("11.2", covers="strict-later-calls 17.15")
def a_first_call_under_reuse(tf, t):
    template = tf.make_template("s", body(tf))
    with tf.variable_scope("o", reuse=True):
        with t.fails("first", "o/s"):
            template()
        with t.fails("second"):
            template()


@program("11.2", covers="strict-later-calls 17.15")
def auto_reuse_is_strict_later(tf, t):
    names = iter(["a", "b"])
    with tf.variable_scope("o", reuse=tf.AUTO_REUSE):
        template = tf.make_template("s", lambda: tf.get_variable(next(names), []))
        t("first", template())
        with t.fails("new name"):
            template()


@program("11.2")
def now_captured_under_auto_shares(tf, t):
    with tf.variable_scope("o", reuse=tf.AUTO_REUSE):
        x = tf.get_variable("u/x", [])
        template = tf.make_template("s", body(tf), True, "u")
    t("shared", template() is x)
    t("scope", template.variable_scope)


@program("11.2")
def now_captured_under_true_fails(tf, t):
    with tf.variable_scope("o", reuse=True):
        template = tf.make_template("s", body(tf), create_scope_now_=True)
    with t.fails("first"):
        template()
    with t.fails("second"):
        template()


@program("11.2")
def later_calls_ignore_where_they_are(tf, t):
    def getter(getter, name, *args, **kwargs):
        raise AssertionError

    template = tf.make_template("s", body(tf))
    x = template()
    with tf.variable_scope("o", reuse=True, custom_getter=getter, dtype=tf.float64):
        t("same", template() is x)
    with tf.Graph().as_default():
        pass
    with tf.variable_scope("p", dtype=tf.float16):
        t("same again", template() is x)


@program("11.2")
def the_scope_object_inside_a_lazy_call(tf, t):
    seen = []

    def function():
        scope = tf.get_variable_scope()
        seen.append(scope)
        if len(seen) == 1:
            scope.set_dtype(tf.float64)
        return tf.get_variable("x", [])

    template = tf.make_template("s", function)
    t("x", template())
    t("again", template())
    t("first is the captured one", seen[0] is template.variable_scope)
    t("second is a copy", seen[1] is template.variable_scope)
    t("second", seen[1])
    t("captured", template.variable_scope)


@program("11.2")
def setters_inside_a_now_template_are_lost(tf, t):
    def function():
        tf.get_variable_scope().set_dtype(tf.float64)
        return tf.get_variable("x", [])

    template = tf.make_template("s", function, create_scope_now_=True)
    t("x", template())
    t("captured", template.variable_scope)
    t("again", template())


@program("11.2")
def name_scopes_of_calls(tf, t):
    def function():
        tf.get_variable("x", [])
        return tf.constant(1.0, name="c").name

    lin = tf.make_template("lin", function)
    t("lin", [lin(), lin(), lin()])
    second = tf.make_template("lin", function)
    t("second", [second(), second()])
    with tf.name_scope("n"):
        t("in a name scope", lin())


@program("11.2")
def name_scopes_of_now_templates(tf, t):
    def function():
        tf.get_variable("x", [])
        return tf.constant(1.0, name="c").name

    a = tf.make_template("foo", function, create_scope_now_=True)
    b = tf.make_template("foo", function, create_scope_now_=True)
    t("a", [a(), a()])
    t("b", [b(), b()])
    t("scopes", [a.variable_scope_name, b.variable_scope_name])


@program(
    "11.2",
    covers="stuck-template 17.15",
    mended={
        "variables": [],
        "retry": "<variable s/x:0 float32 []>",
    },
)
def a_failed_first_call_can_be_retried(tf, t):
    fail = [True]

    def function():
        x = tf.get_variable("x", [])
        if fail[0]:
            raise KeyError("midway")
        return x

    template = tf.make_template("s", function)
    with t.fails("first", "midway"):
        template()
    t("variables", tf.global_variables())
    fail[0] = False
    try:
        t("retry", template())
    except ValueError:
        t("retry", "refused")
    t("scope", template.variable_scope)


@program(
    "11.2",
    covers="stuck-template",
    mended={
        "another": "<tensor now_1/c:0>",
    },
)
def a_failed_first_call_rolls_inner_templates_back(tf, t):
    fail = [True]
    inner = tf.make_template("inner", body(tf))

    def function():
        x = inner()
        if fail[0]:
            raise KeyError("midway")
        return x

    template = tf.make_template("now", function, create_scope_now_=True)
    with t.fails("first", "midway"):
        template()
    fail[0] = False
    try:
        t("retry", template())
    except ValueError:
        t("retry", "refused")
    t("inner", inner.variable_scope_name)
    with tf.variable_scope("now", reuse=True):
        t("another", tf.constant(1.0, name="c"))


@program("11.2")
def a_first_call_that_fails_before_making_anything(tf, t):
    fail = [True]

    def function():
        if fail[0]:
            raise KeyError("early")
        return tf.get_variable("x", [])

    template = tf.make_template("s", function, create_scope_now_=True)
    with t.fails("first", "early"):
        template()
    fail[0] = False
    t("retry", template())
    t("again", template())


@program("11.2")
def wrong_call_arguments_are_harmless(tf, t):
    template = tf.make_template("s", lambda a: tf.get_variable("x", []))
    with t.fails("missing"):
        template()
    with t.fails("too many"):
        template(1, 2)
    t("x", tf.make_template("t", lambda a: tf.get_variable("x", []))(1))


@program("11.2")
def a_first_call_without_variables_counts(tf, t):
    make = [False]

    def function():
        return tf.get_variable("x", []) if make[0] else None

    template = tf.make_template("s", function)
    t("first", template())
    make[0] = True
    with t.fails("later"):
        template()


@program("11.2")
def recursion(tf, t):
    def function(depth):
        found = [tf.get_variable("x", [])]
        return found + (template(depth - 1) if depth else [])

    template = tf.make_template("s", function)
    with t.fails("deep"):
        t("found", template(2))


@program("11.3")
def a_late_trainable_variable(tf, t):
    count = []

    def function():
        count.append(None)
        if len(count) > 1:
            tf.Variable(1.0, name="stray")
        return tf.get_variable("x", [])

    template = tf.make_template("s", function)
    t("first", template())
    with t.fails("second", "stray"):
        template()
    t("stays", tf.trainable_variables())


@program("11.3")
def a_raw_variable_in_every_call(tf, t):
    trainable = tf.make_template("s", lambda: tf.Variable(1.0))
    t("first", trainable())
    with t.fails("second"):
        trainable()
    steady = tf.make_template("u", lambda: tf.Variable(1.0, trainable=False))
    t("not trainable", [steady().name, steady().name])


@program("11.3")
def a_late_variable_by_auto_reuse(tf, t):
    names = iter(["a", "b"])

    def function():
        with tf.variable_scope("i", reuse=tf.AUTO_REUSE):
            return tf.get_variable(next(names), [])

    template = tf.make_template("s", function)
    t("first", template())
    with t.fails("second", "s/i/b"):
        template()


@program("11.3")
def a_late_variable_in_another_scope(tf, t):
    with tf.variable_scope("other") as other:
        pass
    names = iter(["a", "b"])

    def function():
        with tf.variable_scope(other):
            return tf.get_variable(next(names), [])

    template = tf.make_template("s", function)
    t("first", template())
    with t.fails("second"):
        template()


@program("11.3")
def a_late_missing_variable(tf, t):
    for number, arguments in enumerate(({}, {"trainable": False})):
        names = iter(["a", "b"])
        template = tf.make_template(
            "s", lambda names=names, arguments=arguments: tf.get_variable(next(names), [], **arguments)
        )
        template()
        with t.fails(f"{number}"):
            template()
    names = iter(["a", "b"])
    template = tf.make_template("s", lambda: tf.get_local_variable(next(names), []))
    template()
    with t.fails("local"):
        template()


@program(
    "11.3",
    covers="length-safeguard",
    mended={"swapped": {"raises": "ValueError", "words": ["Trainable variable created"]}},
)
def the_safeguard_compares_variables(tf, t):
    count = []

    def function():
        count.append(None)
        x = tf.get_variable("x", [])
        if len(count) > 1:
            tf.get_collection_ref(tf.GraphKeys.TRAINABLE_VARIABLES).pop()
            tf.Variable(1.0, name="stray")
        return x

    template = tf.make_template("s", function)
    template()
    with t.fails("swapped"):
        template()


@program("11.4", covers="17.18")
def errors_keep_their_type(tf, t):
    class Own(Exception):
        pass

    for label, error in (
        ("value", ValueError("a", "b")),
        ("empty", ValueError()),
        ("key", KeyError("k")),
        ("number", RuntimeError(3)),
        ("own", Own("mine")),
        ("stop", AssertionError("x")),
    ):

        def function(error=error):
            raise error

        template = tf.make_template("s", function)
        try:
            template()
        except Exception as caught:
            t(label, [type(caught).__name__, caught is error])


@program("11.4")
def interrupts_pass_untouched(tf, t):
    def function():
        raise KeyboardInterrupt("stop")

    try:
        tf.make_template("s", function)()
    except KeyboardInterrupt as caught:
        t("args", list(caught.args))


@program("11.5", covers="17.17")
def properties_of_a_template(tf, t):
    def function():
        tf.get_variable("a", [])
        tf.get_variable("b", [], trainable=False)
        tf.get_local_variable("c", [])
        tf.get_variable("d", [], collections=["mine"])
        tf.get_variable("e", [], collections=[tf.GraphKeys.LOCAL_VARIABLES])

    template = tf.make_template("s", function)
    properties(t, "before", template)
    with tf.variable_scope("o"):
        template()
    properties(t, "after", template)
    t("aliases", [template.weights == template.variables, template.trainable_weights == template.trainable_variables])
    t("more aliases", template.non_trainable_weights == template.non_trainable_variables)
    t("var_scope", template.var_scope is template.variable_scope)
    t("fresh lists", template.variables is template.variables)


@program("11.5")
def properties_are_read_only(tf, t):
    template = tf.make_template("s", body(tf))
    for key in ("name", "func", "variable_scope", "variable_scope_name", "variables", "trainable_variables", "weights"):
        with t.fails(key):
            setattr(template, key, None)
    template.note = "mine"
    t("others may be set", template.note)
    t("no __name__", hasattr(template, "__name__"))


@program("11.5", covers="17.17")
def properties_go_by_prefix(tf, t):
    with tf.variable_scope("outside") as outside:
        pass

    def function():
        tf.get_variable("a", [])
        with tf.variable_scope(outside, reuse=tf.AUTO_REUSE):
            tf.get_variable("b", [])

    template = tf.make_template("s", function)
    template()
    t("without b", template.variables)
    with tf.variable_scope("s"):
        tf.get_variable("stranger", [])
    t("with the stranger", template.variables)
    with tf.Graph().as_default():
        t("elsewhere", template.variables)
        tf.get_variable("s/there", [])
        t("elsewhere with a namesake", template.variables)


@program("11.5")
def properties_of_a_prefix_of_another(tf, t):
    first = tf.make_template("s", body(tf))
    second = tf.make_template("s", body(tf))
    first(), second()
    third = tf.make_template("s_", body(tf))
    third()
    t("first", first.variables)
    t("second", second.variables)
    t("third", third.variables)


@program("11.6", mended={"counted": "<scope 'u_1' ops='u_2/' reuse=False float32>"})
def unique_names(tf, t):
    first = tf.make_template("a", body(tf), unique_name_="u")
    second = tf.make_template("b", body(tf), unique_name_="u")
    t("first", first())
    t("names", [first.name, first.variable_scope_name])
    with t.fails("second"):
        second()
    third = tf.make_template("c", body(tf), unique_name_="u")
    with tf.variable_scope("", reuse=True):
        t("shares under reuse", third())
    with tf.variable_scope(None, "u") as scope:
        t("counted", scope)
    with tf.variable_scope("o"):
        t("relative", tf.make_template("d", body(tf), unique_name_="u")())


@program("11.6")
def unique_name_over_a_numbered_one(tf, t):
    forward = tf.make_template("model", body(tf))
    x = forward()
    with tf.variable_scope("", reuse=True):
        inverse = tf.make_template("model", body(tf), unique_name_="model")
        t("shared", inverse() is x)
    t("again", inverse() is x)


@program("11.6", covers="now-corners 17.16")
def create_scope_now_loses_the_dtype(tf, t):
    def getter(getter, name, *args, **kwargs):
        return getter(name + "_g", *args, **kwargs)

    with tf.variable_scope(
        "p",
        dtype=tf.float64,
        initializer=tf.ones_initializer(),
        regularizer=lambda v: tf.constant(1.0, name="loss"),
        custom_getter=getter,
        reuse=tf.AUTO_REUSE,
        use_resource=False,
        partitioner=tf.fixed_size_partitioner(1),
    ):
        template = tf.make_template("s", lambda: tf.get_variable("x", [2]), create_scope_now_=True)
    t("scope", template.variable_scope)
    t("x", template())


@program("11.6", covers="now-corners 17.16")
def create_scope_now_original_name_scope(tf, t):
    with tf.name_scope("n"), tf.variable_scope("p"):
        template = tf.make_template("foo", body(tf), create_scope_now_=True)
        other = tf.make_template("foo", body(tf), create_scope_now_=True)
        named = tf.make_template("foo", body(tf), create_scope_now_=True, unique_name_="bar")
        t("current", tf.get_variable_scope().name)
    t("original", template.variable_scope.original_name_scope)
    t("other", other.variable_scope.original_name_scope)
    t("named", named.variable_scope.original_name_scope)
    t("no op", tf.get_default_graph().unique_name("n/p/foo", mark_as_used=False))


@program("11.6", covers="now-corners 17.16")
def create_scope_now_collides_when_its_parent_reopens(tf, t):
    made = []
    for _ in range(2):
        with tf.variable_scope("p"):
            made.append(tf.make_template("t", body(tf), create_scope_now_=True))
    t("names", [template.variable_scope_name for template in made])
    t("first", made[0]())
    with t.fails("second"):
        made[1]()


@program("11.6")
def a_templates_getter(tf, t):
    calls = []

    def suffix(end):
        def getter(getter, name, *args, **kwargs):
            calls.append(end)
            return getter(name + end, *args, **kwargs)

        return getter

    with tf.variable_scope("o", custom_getter=suffix("_o")):
        lazy = tf.make_template("lazy", body(tf), custom_getter_=suffix("_l"))
        now = tf.make_template("now", body(tf), create_scope_now_=True, custom_getter_=suffix("_n"))
        t("lazy", lazy())
    t("now", now())
    t("lazy again", lazy())
    t("now again", now())
    t("calls", calls)


@program("11.6")
def a_templates_getter_that_cannot_be_called(tf, t):
    template = tf.make_template("s", body(tf), custom_getter_=3)
    with t.fails("call"):
        template()
    empty = tf.make_template("u", lambda: 1, custom_getter_=3)
    t("without variables", empty())


@program("11.6")
def an_empty_template_name(tf, t):
    first = tf.make_template("", body(tf))
    t("x", first())
    t("name", first.variable_scope_name)
    with tf.variable_scope("outer"):
        tf.get_variable("w", [])
        inside = tf.make_template("", body(tf))
        t("inside", inside())
        t("inside name", inside.variable_scope_name)
        t("inside variables", inside.variables)


@program("11.6")
def a_second_empty_template_name(tf, t):
    tf.make_template("", body(tf))()
    second = tf.make_template("", body(tf))
    with t.fails("second"):
        second()


@program("11.6")
def template_names_with_slashes(tf, t):
    template = tf.make_template("a/b", body(tf))
    t("x", template())
    t("name", template.variable_scope_name)
    t("op", tf.make_template("a/b", lambda: tf.constant(1.0, name="c"))())
    now = tf.make_template(
        "a/b", lambda: [tf.get_variable("x", []), tf.constant(1.0, name="c")], create_scope_now_=True
    )
    t("now", now())
    t("now scope", now.variable_scope)


@program("11.7")
def templates_inside_a_template(tf, t):
    def function():
        return [tf.make_template("n", body(tf))() for _ in range(2)]

    outer = tf.make_template("o", function)
    first = outer()
    t("first", first)
    t("shared", [a is b for a, b in zip(first, outer(), strict=True)])
    t("variables", outer.variables)


@program("11.7")
def now_templates_inside_a_template(tf, t):
    def function():
        return [tf.make_template("n", body(tf), create_scope_now_=True)() for _ in range(2)]

    outer = tf.make_template("o", function, create_scope_now_=True)
    first = outer()
    t("first", first)
    t("shared", [a is b for a, b in zip(first, outer(), strict=True)])


@program("11.7")
def an_inner_template_made_outside(tf, t):
    inner = tf.make_template("inner", body(tf))
    a = tf.make_template("A", lambda: inner())
    b = tf.make_template("B", lambda: inner())
    x = a()
    t("x", x)
    t("shared", b() is x)
    t("a", a.variables)
    t("b", b.variables)


@program("11.7")
def an_inner_template_first_called_in_a_later_call(tf, t):
    inner = tf.make_template("inner", body(tf))
    use = [False]
    outer = tf.make_template("o", lambda: inner() if use[0] else None)
    outer()
    use[0] = True
    with t.fails("later"):
        outer()


@program("11.7")
def redefinition_shares(tf, t):
    with tf.variable_scope("o") as captured:
        x = tf.make_template("s", body(tf))()
    with tf.variable_scope(captured, reuse=True):
        t("same", tf.make_template("s", body(tf))() is x)
    with tf.variable_scope("o", reuse=True):
        t("by string", tf.make_template("s", body(tf))() is x)


@program("11.7")
def reaching_into_a_template(tf, t):
    template = tf.make_template("t", body(tf))
    x = template()
    with tf.variable_scope("t", reuse=True):
        t("by name", tf.get_variable("x") is x)
    with tf.variable_scope(template.variable_scope, reuse=True):
        t("by scope", tf.get_variable("x") is x)
    with tf.variable_scope(template.variable_scope):
        t("adds", tf.get_variable("y", []))
    t("variables", template.variables)


@program("11.7")
def a_generator_function_runs_outside(tf, t):
    def function():
        yield tf.get_variable("x", [])

    template = tf.make_template("s", function)
    t("x", next(template()))


@program("11.7")
def default_named_layers_in_a_template(tf, t):
    def function():
        found = []
        for _ in range(2):
            with tf.variable_scope(None, "dense"):
                found.append(tf.get_variable("kernel", [2, 2]))
        return found

    template = tf.make_template("net", function)
    first = template()
    t("first", first)
    t("shared", [a is b for a, b in zip(first, template(), strict=True)])


@program("11.7")
def a_template_of_a_template(tf, t):
    inner = tf.make_template("inner", body(tf))
    outer = tf.make_template("outer", inner)
    t("x", outer())
    t("again", outer())
    t("names", [inner.variable_scope_name, outer.variable_scope_name])


@program("11.8")
def a_template_in_another_graph(tf, t):
    template = tf.make_template("s", body(tf))
    template()
    with tf.Graph().as_default():
        with t.fails("there"):
            template()
    t("here", template())


@program("11.8")
def a_now_template_first_called_in_another_graph(tf, t):
    template = tf.make_template("s", body(tf), create_scope_now_=True)
    with tf.Graph().as_default():
        t("there", template())
    with t.fails("here"):
        template()


@program("11.2")
def an_exception_restores_the_scope_of_the_caller(tf, t):
    def function():
        with tf.variable_scope("deep"):
            raise KeyError("x")

    with tf.variable_scope("o"):
        template = tf.make_template("s", function)
        with t.fails("call", "x"):
            template()
        t("scope", tf.get_variable_scope().name)
        t("name scope", tf.get_default_graph().get_name_scope())


@program("11.5")
def partitioned_variables_of_a_template(tf, t):
    template = tf.make_template("s", lambda: tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2)))
    t("v", template())
    t("same", template() is template())
    t("variables", template.variables)


@program("11.3")
def a_local_variable_is_no_trainable_one(tf, t):
    count = []

    def function():
        count.append(None)
        with tf.variable_scope("i", reuse=tf.AUTO_REUSE):
            return tf.get_local_variable(f"v{len(count)}", [])

    template = tf.make_template("s", function)
    t("first", template())
    t("second", template())
    t("local", template.local_variables)


@program("11.1")
def make_template_inside_reused_scopes(tf, t):
    def build():
        with tf.variable_scope("model", reuse=tf.AUTO_REUSE):
            return [tf.make_template("layer", body(tf))() for _ in range(2)]

    first, second = build(), build()
    t("first", first)
    t("shared", [a is b for a, b in zip(first, second, strict=True)])
