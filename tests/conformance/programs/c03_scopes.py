"""Section 3: opening scopes by string, by object, by default name; odd names; the scope object."""

from tests.conformance.program import program


@program("3")
def a_scope_is_not_a_decorator(tf, t):
    with t.fails("called on a function"):
        tf.variable_scope("a")(lambda: None)


@program("3.1")
def neither_name_nor_default(tf, t):
    with t.fails("None"):
        tf.variable_scope(None)
    with t.fails("nothing"):
        tf.variable_scope()
    with t.fails("None and None"):
        tf.variable_scope(None, None)


@program("3.1")
def bad_reuse_values(tf, t):
    for value in (0, 1, "yes", 2.0, [], "AUTO_REUSE"):
        with t.fails(f"reuse {value!r}"):
            tf.variable_scope("a", reuse=value)
    for value in (None, False, True, tf.AUTO_REUSE):
        with tf.variable_scope("a", reuse=value) as scope:
            t(f"good {describe(value)}", scope)


def describe(value):
    return getattr(value, "name", repr(value))


@program("3.1")
def bad_auxiliary_name_scope(tf, t):
    for value in (None, 0, 1, "x"):
        with t.fails(f"flag {value!r}"):
            tf.variable_scope("a", auxiliary_name_scope=value)


@program("3.1")
def values_that_cannot_be_iterated(tf, t):
    with t.fails("number"):
        tf.variable_scope("a", values=3)
    with tf.variable_scope("a", values=[]) as scope:
        t("empty", scope)
    with tf.variable_scope("a", values=()) as scope:
        t("tuple", scope)


@program("3.1")
def names_of_another_type(tf, t):
    for label, value in (("number", 3), ("list", ["a"]), ("float", 2.5), ("object", object())):
        cm = tf.variable_scope(value)
        with t.fails(label):
            cm.__enter__()
    t("scope", tf.get_variable_scope())


@program("3.1")
def settings_that_no_scope_checks(tf, t):
    with tf.variable_scope("a", custom_getter=3, partitioner=4, regularizer=5, initializer=object()) as scope:
        t("entered", scope)
        with t.fails("variable"):
            tf.get_variable("v", [2])


@program("3.1")
def dtype_junk_surfaces_in_get_variable(tf, t):
    with tf.variable_scope("a", dtype="nonsense"):
        t("entered", True)
        with t.fails("variable"):
            tf.get_variable("v", [2])
        t("own dtype", tf.get_variable("w", [2], dtype=tf.float32))


@program("3.1", "3.4")
def reuse_with_a_default_name_fails_on_entering(tf, t):
    cm = tf.variable_scope(None, "d", reuse=True)
    t("constructed", True)
    with t.fails("entering"):
        cm.__enter__()
    t("scope", tf.get_variable_scope())


@program("3.2")
def names_join(tf, t):
    with tf.variable_scope("a") as a:
        t("a", a)
        with tf.variable_scope("b/c") as b:
            t("b/c", b)
            t("v", tf.get_variable("v", []))
            with tf.variable_scope("d") as d:
                t("d", d)
                t("w", tf.get_variable("w/x", []))
        t("back in a", tf.get_variable_scope() is a)
    t("root", tf.get_variable_scope())


@program("3.2")
def original_name_scope_counts(tf, t):
    for number in range(3):
        with tf.variable_scope("enc") as scope:
            t(f"opening {number}", scope.original_name_scope)
    with tf.variable_scope("outer"):
        with tf.variable_scope("enc") as scope:
            t("inner", scope.original_name_scope)
        with tf.variable_scope("enc", auxiliary_name_scope=False) as scope:
            t("inner without name scope", scope.original_name_scope)
            t("op", tf.constant(1.0, name="c"))
    with tf.variable_scope("enc", auxiliary_name_scope=False) as scope:
        t("without name scope", scope.original_name_scope)
        t("root op", tf.constant(1.0, name="c"))


@program("3.2")
def the_target_is_the_current_scope(tf, t):
    with tf.variable_scope("a") as scope:
        t("same", scope is tf.get_variable_scope())
        with tf.variable_scope("b"):
            pass
        t("still", scope is tf.get_variable_scope())


@program("3.2")
def exception_restores_the_scope(tf, t):
    with t.fails("inside", "boom"):
        with tf.variable_scope("a"):
            with tf.variable_scope("b"):
                raise RuntimeError("boom")
    t("scope", tf.get_variable_scope())
    t("name scope", tf.get_default_graph().get_name_scope())
    with tf.variable_scope("a") as scope:
        t("again", scope)


@program("3.2")
def leaving_out_of_order(tf, t):
    outer = tf.variable_scope("outer")
    inner = tf.variable_scope("inner")
    outer.__enter__()
    inner.__enter__()
    with t.fails("outer first"):
        outer.__exit__(None, None, None)
    t("current", tf.get_variable_scope().name)


@program("3.2")
def counters_below_a_closed_scope_are_forgotten(tf, t):
    def names():
        found = []
        for _ in range(2):
            with tf.variable_scope(None, "d") as scope:
                found.append(scope.name)
        return found

    with tf.variable_scope("p"):
        t("first", names())
        with tf.variable_scope("q"):
            t("nested", names())
        with tf.variable_scope("q"):
            t("nested again", names())
    with tf.variable_scope("p"):
        t("second", names())
    with tf.variable_scope(None, "p") as scope:
        t("own name stays", scope)


@program("3.3", covers="17.4")
def a_jump_is_absolute(tf, t):
    with tf.variable_scope("deep"), tf.variable_scope("er"), tf.variable_scope("est") as captured:
        t("captured", captured)
    with tf.variable_scope("elsewhere"):
        with tf.variable_scope(captured) as scope:
            t("jump", scope)
            t("copy", scope is captured)
            t("v", tf.get_variable("v", []))
            t("op", tf.constant(1.0, name="c"))
        t("back", tf.get_variable_scope())
    with tf.name_scope("ctx"):
        with tf.variable_scope(captured):
            t("op in ctx", tf.constant(1.0, name="c"))
        with tf.variable_scope(captured):
            t("op in ctx again", tf.constant(1.0, name="c"))


@program("3.3")
def a_jump_is_a_copy(tf, t):
    with tf.variable_scope("s") as captured:
        pass
    with tf.variable_scope(captured) as copy:
        copy.reuse_variables()
        copy.set_dtype(tf.float16)
        copy.set_initializer(tf.ones_initializer())
        t("copy", copy)
    t("captured", captured)
    with tf.variable_scope(captured) as again:
        t("again", again)


@program("3.3")
def a_jump_to_the_root(tf, t):
    root = tf.get_variable_scope()
    with tf.variable_scope("a"):
        with tf.variable_scope(root) as scope:
            t("root", scope)
            t("same", scope is root)
            t("v", tf.get_variable("v", []))
            t("op", tf.constant(1.0, name="c"))
            with tf.variable_scope("b") as inner:
                t("below", inner)
        with tf.variable_scope(root, reuse=True) as scope:
            t("reusing", tf.get_variable("v"))
    t("root afterwards", tf.get_variable_scope().reuse)


@program("3.3")
def a_jump_takes_nothing_from_around_it(tf, t):
    with tf.variable_scope("s") as captured:
        pass
    with tf.variable_scope("around", dtype=tf.float16, reuse=True, initializer=tf.ones_initializer()):
        with tf.variable_scope(captured) as scope:
            t("jump", scope)
            t("creates", tf.get_variable("v", [2]))


@program("3.3")
def a_jump_with_arguments(tf, t):
    with tf.variable_scope("s", dtype=tf.float64, initializer=tf.zeros_initializer()) as captured:
        t("captured", captured)
    with tf.variable_scope(captured, dtype=tf.float16, reuse=tf.AUTO_REUSE) as scope:
        t("jump", scope)
        t("v", tf.get_variable("v", [2]))
    with tf.variable_scope(captured) as scope:
        t("plain jump", scope)
        t("w", tf.get_variable("w", [2]))


@program("3.3")
def a_jump_without_a_name_scope(tf, t):
    with tf.variable_scope("outer"), tf.variable_scope("in") as captured:
        t("op", tf.constant(1.0, name="c"))
    with tf.variable_scope(captured, auxiliary_name_scope=False) as scope:
        t("scope", scope)
        t("root op", tf.constant(1.0, name="c"))
        with tf.name_scope(scope.original_name_scope) as name:
            t("name scope", name)
            t("continued op", tf.constant(1.0, name="c"))
            t("raw", tf.Variable(1.0, name="r"))
    with tf.variable_scope("other"):
        with tf.variable_scope(captured, auxiliary_name_scope=False) as scope:
            t("in other", tf.constant(1.0, name="c"))
            t("original", scope.original_name_scope)


@program("3.3", "3.4")
def a_jump_undoes_its_counting(tf, t):
    def default(name="d"):
        with tf.variable_scope(None, name) as scope:
            return scope.name

    with tf.variable_scope("root") as root:
        t("first", [default(), default()])
        with tf.variable_scope(root):
            t("in the jump", [default(), default()])
        with tf.variable_scope("sibling"):
            pass
        t("after", default())
        with tf.variable_scope(None, "sibling") as scope:
            t("sibling", scope.name)


@program("3.3", "3.4")
def a_jump_from_outside_undoes_its_counting(tf, t):
    with tf.variable_scope("a") as a:
        with tf.variable_scope(None, "d") as scope:
            t("in a", scope.name)
    with tf.variable_scope("b"):
        for number in range(2):
            with tf.variable_scope(a):
                for again in range(2):
                    with tf.variable_scope(None, "d") as scope:
                        t(f"jump {number} {again}", scope.name)
        with tf.variable_scope(None, "d") as scope:
            t("in b", scope.name)


@program("3.3")
def a_jump_within_a_jump(tf, t):
    with tf.variable_scope("a") as a:
        pass
    with tf.variable_scope("b") as b:
        pass
    with tf.variable_scope(a):
        with tf.variable_scope("x") as x:
            t("a/x", x)
        with tf.variable_scope(b) as inner:
            t("b", inner)
            with tf.variable_scope(a) as again:
                t("a again", again)
                with tf.variable_scope(None, "x") as scope:
                    t("default", scope.name)
        t("back", tf.get_variable_scope().name)
    t("root", tf.get_variable_scope().name)


@program("3.3")
def a_scope_of_another_graph(tf, t):
    with tf.Graph().as_default():
        with tf.variable_scope("far", dtype=tf.float64, initializer=tf.ones_initializer()) as captured:
            tf.get_variable("v", [])
    with tf.variable_scope(captured) as scope:
        t("scope", scope)
        t("v", tf.get_variable("v", []))


@program("3.3")
def a_hand_made_scope(tf, t):
    made = tf.VariableScope(reuse=False, name="man")
    t("made", made)
    with tf.variable_scope(made) as scope:
        t("entered", scope)
        t("v", tf.get_variable("v", []))
        t("op", tf.constant(1.0, name="c"))
    with tf.variable_scope(None, "man") as scope:
        t("counted", scope)


@program("3.3")
def a_hand_made_scope_with_everything(tf, t):
    made = tf.VariableScope(
        reuse=tf.AUTO_REUSE,
        name="a/b",
        initializer=tf.ones_initializer(),
        dtype=tf.float64,
        name_scope="elsewhere",
        use_resource=False,
    )
    t("made", made)
    t("original", made.original_name_scope)
    with tf.variable_scope("outer"):
        with tf.variable_scope(made) as scope:
            t("entered", scope)
            t("v", tf.get_variable("v", [2]))
            t("op", tf.constant(1.0, name="c"))


@program("3.3")
def the_name_of_a_scope_is_no_jump(tf, t):
    with tf.variable_scope("p/q") as captured:
        pass
    with tf.variable_scope("far"), tf.variable_scope("away"):
        with tf.variable_scope(captured.name) as scope:
            t("nested", scope)


@program("3.3")
def continuing_a_scope_that_is_open(tf, t):
    with tf.variable_scope("s") as captured:
        with tf.variable_scope(captured) as scope:
            t("inner", scope)
            t("op", tf.constant(1.0, name="c"))
            with tf.variable_scope(tf.get_variable_scope()) as third:
                t("third", third)
                t("op third", tf.constant(1.0, name="c"))
        t("op after", tf.constant(1.0, name="c"))


@program("3.3")
def the_current_scope_with_reuse(tf, t):
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [])
        with tf.variable_scope(tf.get_variable_scope(), reuse=True) as scope:
            t("scope", scope)
            t("found", tf.get_variable("v") is v)
        t("reuse after", tf.get_variable_scope().reuse)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        t("root reuse", tf.get_variable("s/v") is v)


@program("3.4")
def default_names_number(tf, t):
    for number in range(3):
        with tf.variable_scope(None, "d") as scope:
            t(f"root {number}", scope)
            t(f"v {number}", tf.get_variable("v", []))
            t(f"op {number}", tf.constant(1.0, name="c"))
    with tf.variable_scope(None, default_name="e") as scope:
        t("by keyword", scope)


@program("3.4")
def a_default_name_is_ignored_beside_a_name(tf, t):
    with tf.variable_scope("name", "d") as scope:
        t("string", scope)
    with tf.variable_scope("", "d") as scope:
        t("empty string", scope)
    with tf.variable_scope(tf.get_variable_scope(), "d") as scope:
        t("object", scope)
    with tf.variable_scope(None, "d") as scope:
        t("not counted", scope)


@program("3.4")
def explicit_openings_count(tf, t):
    for name in ("unit", "unit_1"):
        with tf.variable_scope(name):
            pass
    for number in range(2):
        with tf.variable_scope(None, "unit") as scope:
            t(f"unit {number}", scope)
    with tf.variable_scope(None, "unit_1") as scope:
        t("unit_1", scope)


@program("3.4")
def only_openings_of_scopes_count(tf, t):
    with tf.name_scope("d"):
        pass
    tf.get_variable("e", [])
    tf.get_variable("f/x", [])
    for name in ("d", "e", "f"):
        with tf.variable_scope(None, name) as scope:
            t(name, scope)


@program("3.4")
def two_independent_numberings(tf, t):
    with tf.name_scope("k"):
        pass
    for number in range(2):
        with tf.variable_scope("k") as scope:
            t(f"named {number}", scope)
    with tf.variable_scope(None, "k") as scope:
        t("default", scope)


@program("3.4")
def default_names_mind_case(tf, t):
    for number, name in enumerate(("D", "d", "D")):
        with tf.variable_scope(None, name) as scope:
            t(f"{number}", scope)
            t(f"v {number}", tf.get_variable("v", []))


@program("3.4", covers="17.3")
def layers_share_when_their_parent_is_reopened(tf, t):
    def layers():
        found = []
        for _ in range(3):
            with tf.variable_scope(None, "dense"):
                found.append(tf.get_variable("w", [2]))
        return found

    with tf.variable_scope("model"):
        first = layers()
    with tf.variable_scope("model", reuse=True):
        second = layers()
    t("first", first)
    t("shared", [a is b for a, b in zip(first, second)])
    t("at root", layers())
    t("root goes on", layers())


@program("3.4", covers="17.3")
def a_path_counts_until_its_parent_closes(tf, t):
    with tf.variable_scope("x/d"):
        pass
    for number in range(2):
        with tf.variable_scope("x"):
            with tf.variable_scope(None, "d") as scope:
                t(f"{number}", scope.name)


@program("3.4")
def an_exception_gives_no_name_back(tf, t):
    with t.fails("inside"):
        with tf.variable_scope(None, "risky"):
            raise ValueError("x")
    with tf.variable_scope(None, "risky") as scope:
        t("next", scope)


@program("3.4", covers="default-name-with-reuse 17.2")
def reuse_with_a_default_name(tf, t):
    for label, reuse in (("True", True), ("AUTO", tf.AUTO_REUSE)):
        with t.fails(label):
            with tf.variable_scope(None, "d", reuse=reuse):
                t(f"not reached {label}", True)
    for label, reuse in (("False", False), ("None", None)):
        with tf.variable_scope(None, "d", reuse=reuse) as scope:
            t(label, scope)


@program("3.4")
def inherited_reuse_with_a_default_name(tf, t):
    with tf.variable_scope("s"):
        with tf.variable_scope(None, "d"):
            v = tf.get_variable("v", [])
    with tf.variable_scope("s", reuse=True):
        with tf.variable_scope(None, "d") as scope:
            t("scope", scope)
            t("found", tf.get_variable("v") is v)
        with tf.variable_scope(None, "d") as scope:
            t("second", scope)
            with t.fails("no such"):
                tf.get_variable("v")


@program("3.4")
def default_names_with_slashes_and_numbers(tf, t):
    for number, name in enumerate(("a/b", "a/b", "a", "a_1", "a", "a_1", "a")):
        with tf.variable_scope(None, name) as scope:
            t(f"{number} {name}", scope)


@program("3.4")
def default_names_inside_default_names(tf, t):
    for number in range(2):
        with tf.variable_scope(None, "o") as outer:
            for inner_number in range(2):
                with tf.variable_scope(None, "i") as inner:
                    t(f"{number} {inner_number}", inner)
        t(f"outer {number}", outer)


@program("3.4")
def a_bad_default_name(tf, t):
    with t.fails("spaces"):
        with tf.variable_scope(None, "two words"):
            t("not reached", True)
    with t.fails("number"):
        with tf.variable_scope(None, 3):
            t("not reached 3", True)
    t("scope", tf.get_variable_scope())


@program("3.5", covers="odd-names 17.20")
def the_empty_name(tf, t):
    with tf.variable_scope("") as scope:
        t("at root", scope)
        t("a", tf.get_variable("a", []))
    with tf.variable_scope("p"):
        with tf.variable_scope("") as scope:
            t("nested", scope)
            t("v", tf.get_variable("a", []))
            t("op", tf.constant(1.0, name="c"))
            with tf.variable_scope("q") as inner:
                t("below", inner)


@program("3.5", covers="odd-names 17.20")
def a_trailing_slash(tf, t):
    with tf.variable_scope("t/") as scope:
        t("at root", scope)
        t("v", tf.get_variable("v", []))
        t("op", tf.constant(1.0, name="c"))
    with tf.variable_scope("outer"):
        with tf.variable_scope("t/") as scope:
            t("nested", scope)
            t("nested v", tf.get_variable("v", []))
            t("nested op", tf.constant(1.0, name="c"))


@program("3.5", covers="odd-names")
def a_leading_slash(tf, t):
    with tf.variable_scope("outer"):
        with tf.variable_scope("/a") as scope:
            t("scope", scope)
            t("v", tf.get_variable("v", []))
    with t.fails("at root"):
        with tf.variable_scope("/a"):
            t("not reached", True)


@program("3.5", covers="odd-names")
def a_default_name_with_a_trailing_slash(tf, t):
    for number in range(2):
        with tf.variable_scope(None, "t/") as scope:
            t(f"{number}", scope.name)


@program("3.5", covers="odd-names")
def one_context_manager_entered_twice(tf, t):
    cm = tf.variable_scope("a")
    for number in range(2):
        with cm as scope:
            t(f"{number}", scope)
            t(f"op {number}", tf.constant(1.0, name="c"))
            t(f"v {number}", tf.get_variable(f"v{number}", []))


@program("3.5", covers="odd-names")
def one_default_named_context_manager_entered_twice(tf, t):
    cm = tf.variable_scope(None, "d")
    for number in range(2):
        with cm as scope:
            t(f"{number}", scope.name)
    with tf.variable_scope(None, "d") as scope:
        t("next", scope.name)


@program("3.6", covers="17.22")
def values_switch_the_graph(tf, t):
    other = tf.Graph()
    with other.as_default():
        c = tf.constant(1.0)
    with tf.variable_scope("n", values=[c]) as scope:
        t("scope", scope)
        t("in the other graph", tf.get_default_graph() is other)
        t("v", tf.get_variable("v", []))
    t("here", [v.name for v in tf.global_variables()])
    with other.as_default():
        t("there", [v.name for v in tf.global_variables()])


@program("3.6")
def values_of_two_graphs(tf, t):
    tensors = []
    for _ in range(2):
        with tf.Graph().as_default():
            tensors.append(tf.constant(1.0))
    with t.fails("two graphs"):
        with tf.variable_scope("n", values=tensors):
            t("not reached", True)
    with t.fails("default name"):
        with tf.variable_scope(None, "n", values=tensors):
            t("not reached default", True)
    t("scope", tf.get_variable_scope())


@program("3.6")
def variable_op_scope_is_the_old_spelling(tf, t):
    with tf.variable_op_scope([], "n") as scope:
        t("name", scope)
    with tf.variable_op_scope([], None, "d") as scope:
        t("default", scope)
    with tf.variable_op_scope([], None, "d") as scope:
        t("default again", scope)
    with tf.variable_op_scope([], "r", reuse=tf.AUTO_REUSE, dtype=tf.float16) as scope:
        t("settings", scope)


@program("3.7")
def the_scope_object_is_read_only(tf, t):
    with tf.variable_scope("s") as scope:
        for name in [
            "name",
            "original_name_scope",
            "reuse",
            "initializer",
            "regularizer",
            "dtype",
            "use_resource",
            "caching_device",
            "partitioner",
            "custom_getter",
            "constraint",
        ]:
            with t.fails(name):
                setattr(scope, name, None)


@program("3.7")
def root_defaults(tf, t):
    root = tf.get_variable_scope()
    t("root", root)
    for name in [
        "name",
        "original_name_scope",
        "reuse",
        "initializer",
        "regularizer",
        "dtype",
        "caching_device",
        "partitioner",
        "custom_getter",
        "constraint",
    ]:
        t(name, getattr(root, name))
    t("permanent", root is tf.get_variable_scope())


@program("3.7")
def setters(tf, t):
    with tf.variable_scope("s") as scope:
        scope.set_dtype(tf.float64)
        scope.set_initializer(tf.ones_initializer())
        scope.set_regularizer(lambda v: None)
        scope.set_use_resource(False)
        scope.set_caching_device(None)
        scope.set_partitioner(None)
        t("scope", scope)
        t("v", tf.get_variable("v", [2]))
        with tf.variable_scope("child") as child:
            t("child", child)
            t("w", tf.get_variable("w", [2]))
        scope.reuse_variables()
        t("reusing", scope)
    with tf.variable_scope(scope) as jumped:
        t("jumped", jumped)
    with tf.variable_scope("s") as reopened:
        t("reopened", reopened)
    t("no set_constraint", hasattr(scope, "set_constraint"))


@program("3.7")
def root_setters_are_sticky(tf, t):
    root = tf.get_variable_scope()
    root.set_dtype(tf.float16)
    t("v", tf.get_variable("v", [2]))
    with tf.variable_scope("s") as scope:
        t("child", scope)
    root.reuse_variables()
    t("reusing", tf.get_variable("v"))
    with t.fails("new"):
        tf.get_variable("w", [2])
    with tf.variable_scope("s") as scope:
        t("child reuses", scope.reuse)
    with tf.Graph().as_default():
        t("other graph", tf.get_variable_scope())
    t("still", tf.get_variable_scope())


@program("3.7")
def listings_of_a_scope(tf, t):
    with tf.variable_scope("s") as scope:
        tf.get_variable("a", [])
        tf.get_variable("b", [], trainable=False)
        tf.get_local_variable("c", [])
        tf.get_variable("d", [], collections=["mine"])
        tf.get_variable("e", [], regularizer=lambda v: tf.constant(1.0, name="loss"))
    with tf.variable_scope("sx"):
        tf.get_variable("a", [])
    t("global", scope.global_variables())
    t("trainable", scope.trainable_variables())
    t("local", scope.local_variables())
    t("mine", scope.get_collection("mine"))
    t("losses", len(scope.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))
    t("nothing", scope.get_collection("no such"))
    root = tf.get_variable_scope()
    t("root", root.global_variables())
    t("root local", root.local_variables())


@program(
    "3.7",
    covers="listing-prefix 17.14",
    mended={"a.b": ["<variable a.b/v:0 float32 []>"], "trainable": ["<variable a.b/v:0 float32 []>"]},
)
def listings_take_the_prefix_literally(tf, t):
    with tf.variable_scope("a.b") as scope:
        tf.get_variable("v", [])
    with tf.variable_scope("aXb"):
        tf.get_variable("v", [])
    t("a.b", scope.global_variables())
    t("trainable", scope.trainable_variables())


@program("3.7", covers="listing-prefix 17.14")
def listings_go_by_object_names(tf, t):
    with tf.variable_scope("s") as first:
        tf.get_variable("a", [])
        tf.Variable(1.0, name="raw")
    with tf.variable_scope("s") as second:
        tf.get_variable("b", [])
        t("raw", tf.Variable(1.0, name="raw"))
    t("first", first.global_variables())
    t("second", second.global_variables())


@program("3.7")
def a_scope_named_with_a_trailing_slash_lists(tf, t):
    with tf.variable_scope("s/") as scope:
        tf.get_variable("a", [])
    with tf.variable_scope("s"):
        tf.get_variable("b", [])
    t("lists", scope.global_variables())


@program("3.7")
def get_variable_method_is_not_needed(tf, t):
    with tf.variable_scope("s") as scope:
        pass
    t("outside", tf.get_variable_scope().name)
    t("kept", scope.name)
    t("reuse type", scope.reuse is False)
