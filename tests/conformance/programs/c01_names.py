"""Sections 0 to 2: the two prefixes, valid names, the registry of op names, name scopes."""

from tests.conformance.program import program


@program("0")
def two_prefixes(tf, t):
    with tf.variable_scope("enc") as scope:
        t("first", scope)
        t("a", tf.get_variable("a", [2]))
        t("c", tf.constant(1.0, name="c"))
    with tf.variable_scope("enc") as scope:
        t("second", scope)
        t("b", tf.get_variable("b", [2]))
        t("c again", tf.constant(1.0, name="c"))


@program("0")
def name_with_and_without_output_number(tf, t):
    v = tf.get_variable("v", [])
    t("name", v.name)
    t("op name", v.op.name)
    with tf.variable_scope("", reuse=True):
        t("found by key", tf.get_variable("v") is v)
        with t.fails("not by its printed name"):
            tf.get_variable("v:0")


@program("1.1")
def names_refused_at_the_root(tf, t):
    for name in ("_x", "-x", "/x", ">x", "\\x", "two words", "a:b", "$a", "é", " a", "a b/c"):
        with t.fails(f"get {name}"):
            tf.get_variable(name, [])


@program("1.1")
def names_accepted_at_the_root(tf, t):
    for name in ("x", "X1", "1x", ".x", "a_b", "a.b", "a\\b", "a/b", "a>b", "a-b", "a-"):
        t(f"get {name}", tf.get_variable(name, []))


@program("1.1")
def first_characters_inside_a_scope(tf, t):
    with tf.variable_scope("s"):
        for name in ("_x", "-x", ">x", "\\x", ".x"):
            t(f"get {name}", tf.get_variable(name, []))
        for name in ("two words", "a:b", "$a", "é"):
            with t.fails(f"refused {name}"):
                tf.get_variable(name, [])


@program("1.1")
def scope_names_refused_on_entering(tf, t):
    for name in ("_x", "two words", "a:b", "$a", "-x"):
        with t.fails(f"scope {name}"):
            with tf.variable_scope(name):
                t(f"not reached {name}", True)
        t(f"scope afterwards {name}", tf.get_variable_scope())
    with tf.variable_scope("s"):
        for name in ("two words", "a:b"):
            with t.fails(f"inner scope {name}"):
                with tf.variable_scope(name):
                    t(f"inner not reached {name}", True)
        t("inner afterwards", tf.get_variable_scope())
        with tf.variable_scope("_x") as scope:
            t("underscore inside", scope)


@program("1.1")
def constructing_a_scope_checks_no_characters(tf, t):
    cm = tf.variable_scope("two words")
    t("constructed", cm is not None)
    with t.fails("entering"):
        cm.__enter__()


@program("1.1", covers="unchecked-without-name-scope")
def nothing_is_checked_without_a_name_scope(tf, t):
    with tf.variable_scope("two words", auxiliary_name_scope=False) as scope:
        t("scope", scope)
        with t.fails("variable"):
            tf.get_variable("v", [])
    t("after", tf.get_variable_scope())
    with tf.variable_scope("_hidden", auxiliary_name_scope=False) as scope:
        t("underscore", scope)
        with t.fails("underscore variable"):
            tf.get_variable("v", [])


@program("1.1")
def trailing_slash_of_a_variable(tf, t):
    t("a/", tf.get_variable("a/", []))
    with t.fails("again"):
        tf.get_variable("a/", [])
    with tf.variable_scope("", reuse=True):
        t("key keeps the slash", tf.get_variable("a/"))
        with t.fails("plain"):
            tf.get_variable("a")


@program("1.1")
def raw_variable_names(tf, t):
    for name in ("two words", "_x", "a:b"):
        with t.fails(f"raw {name}"):
            tf.Variable(1.0, name=name)
    with tf.name_scope("s"):
        t("underscore inside", tf.Variable(1.0, name="_x"))
        with t.fails("spaces inside"):
            tf.Variable(1.0, name="two words")


@program("1.2")
def unique_names_count(tf, t):
    graph = tf.get_default_graph()
    t("names", [graph.unique_name(name) for name in ("a", "a", "A", "a_1", "a")])


@program("1.2", covers="names-ignore-case")
def scopes_share_a_counter_whatever_their_case(tf, t):
    with tf.name_scope("S") as first:
        t("S", first)
    with tf.name_scope("s") as second:
        t("s", second)
    with tf.variable_scope("S") as third:
        t("variable scope S", third)
    with tf.variable_scope("s") as fourth:
        t("variable scope s", fourth)
        t("v", tf.get_variable("v", []))


@program("1.2")
def peeking_does_not_take(tf, t):
    graph = tf.get_default_graph()
    t("peek", graph.unique_name("a", mark_as_used=False))
    t("peek again", graph.unique_name("a", mark_as_used=False))
    t("take", graph.unique_name("a"))
    t("peek third", graph.unique_name("a", mark_as_used=False))
    t("take next", graph.unique_name("a"))


@program("1.2")
def unique_names_under_a_name_scope(tf, t):
    graph = tf.get_default_graph()
    with tf.name_scope("k"):
        t("in k", [graph.unique_name("a"), graph.unique_name("a"), graph.unique_name("b/c")])
        t("scope name", graph.get_name_scope())
    t("at root", [graph.unique_name("a"), graph.unique_name("k"), graph.unique_name("k/a")])
    t("root scope name", graph.get_name_scope())


@program("1.2")
def name_scopes_and_variables_share_names(tf, t):
    with tf.name_scope("k") as scope:
        t("scope", scope)
    t("variable", tf.get_variable("k", []))
    with tf.name_scope("k") as scope:
        t("third", scope)
    t("raw", tf.Variable(1.0, name="k"))


@program("1.2")
def only_whole_names_are_registered(tf, t):
    graph = tf.get_default_graph()
    t("names", [graph.unique_name(name) for name in ("x/y", "x", "x", "x/y")])


@program("1.2")
def scope_path_then_its_parts(tf, t):
    with tf.variable_scope("tower/stage") as scope:
        t("path", scope)
    with tf.variable_scope("tower") as scope:
        t("parent", scope)
        with tf.variable_scope("stage") as inner:
            t("child", inner)
            t("v", tf.get_variable("v", []))
            t("op", tf.constant(1.0, name="c"))


@program("1.2")
def suffixes_that_are_names_already(tf, t):
    graph = tf.get_default_graph()
    t("a_1 first", [graph.unique_name(name) for name in ("a_1", "a", "a", "a_1", "a_1_1", "a")])


@program("1.2")
def case_of_the_first_comer_and_of_the_asker(tf, t):
    graph = tf.get_default_graph()
    t("names", [graph.unique_name(name) for name in ("Dense", "dense", "DENSE", "dense_1", "Dense_2")])


@program("1.3", covers="variables-in-the-registry 17.5")
def a_raw_variable_pushes_the_name_aside(tf, t):
    raw = tf.Variable(1.0, name="v")
    w = tf.get_variable("v", [])
    t("raw", raw)
    t("got", w)
    with t.fails("again"):
        tf.get_variable("v", [])
    with tf.variable_scope("", reuse=True):
        t("key v", tf.get_variable("v") is w)
        with t.fails("key v_1"):
            tf.get_variable("v_1")


@program("1.3", covers="variables-in-the-registry names-ignore-case")
def two_variables_that_differ_in_case(tf, t):
    first = tf.get_variable("Abc", [])
    second = tf.get_variable("abc", [])
    t("first", first)
    t("second", second)
    with tf.variable_scope("", reuse=True):
        t("keys", [tf.get_variable("Abc") is first, tf.get_variable("abc") is second])


@program("1.3", covers="variables-in-the-registry")
def a_failed_initializer_spends_the_name(tf, t):
    def bad(shape, dtype=None, partition_info=None):
        tf.constant(1.0)
        raise KeyError("no")

    with t.fails("first", "no"):
        tf.get_variable("bad", [2], initializer=bad)
    t("retry", tf.get_variable("bad", [2]))
    with t.fails("in a scope"):
        with tf.variable_scope("s"):
            tf.get_variable("bad", [2], initializer=bad)
    with tf.variable_scope("s"):
        t("retry in scope", tf.get_variable("bad", [2]))


@program("1.3", covers="variables-in-the-registry")
def an_op_pushes_the_name_aside(tf, t):
    t("op", tf.constant(1.0, name="v"))
    t("variable", tf.get_variable("v", []))
    t("op again", tf.constant(1.0, name="v"))
    t("raw", tf.Variable(1.0, name="v"))


@program("1.3", covers="variables-in-the-registry")
def a_scope_pushes_the_variable_aside(tf, t):
    with tf.variable_scope("a"):
        t("a/b", tf.get_variable("b", []))
    t("a", tf.get_variable("a", []))
    with tf.variable_scope("a", reuse=True):
        t("a/b again", tf.get_variable("b"))
    with tf.variable_scope("", reuse=True):
        t("a again", tf.get_variable("a"))


@program("1.3", covers="variables-in-the-registry")
def the_variables_own_ops_take_names(tf, t):
    tf.get_variable("a", [], initializer=tf.zeros_initializer())
    with tf.variable_scope("a"):
        t("Assign", tf.get_variable("Assign", []))
        t("read", tf.get_variable("read", []))
        t("Initializer", tf.get_variable("Initializer", []))


@program("1.3", covers="variables-in-the-registry")
def numbered_name_first(tf, t):
    t("v_1", tf.get_variable("v_1", []))
    t("op v", tf.constant(1.0, name="v"))
    t("v", tf.get_variable("v", []))


@program("2")
def name_scopes_at_the_root(tf, t):
    for label, name in (("a", "a"), ("again", "a"), ("absolute", "a/"), ("path", "b/c"), ("part", "b"), ("empty", "")):
        with tf.name_scope(name) as scope:
            t(label, scope)
            t(f"{label} op", tf.constant(1.0, name="x"))


@program("2")
def name_scopes_inside_another(tf, t):
    with tf.name_scope("o"):
        with tf.name_scope("a") as scope:
            t("a", scope)
        with tf.name_scope("a") as scope:
            t("again", scope)
        with tf.name_scope("a/") as scope:
            t("absolute", scope)
            t("op in absolute", tf.constant(1.0, name="x"))
        with tf.name_scope("") as scope:
            t("empty", scope)
            t("op in empty", tf.constant(1.0, name="x"))
        with tf.name_scope(None) as scope:
            t("none", scope)
        for number in range(2):
            with tf.name_scope(None, "d") as scope:
                t(f"default {number}", scope)
        with tf.name_scope("n", "d") as scope:
            t("name wins over default", scope)
    t("afterwards", tf.get_default_graph().get_name_scope())


@program("2")
def name_scopes_of_another_type(tf, t):
    for label, name in (("number", 3), ("list", ["a"]), ("float", 1.5)):
        with t.fails(label):
            with tf.name_scope(name):
                t(f"not reached {label}", True)


@program("2")
def name_scopes_with_bad_characters(tf, t):
    for name in ("_x", "two words", "a:b"):
        with t.fails(f"root {name}"):
            with tf.name_scope(name):
                t(f"not reached {name}", True)
    with tf.name_scope("s"):
        with tf.name_scope("_x") as scope:
            t("inside", scope)
        with t.fails("spaces inside"):
            with tf.name_scope("two words"):
                t("not reached", True)
    t("afterwards", tf.get_default_graph().get_name_scope())


@program("2", "7")
def name_scopes_and_both_kinds_of_variables(tf, t):
    with tf.name_scope("ns"):
        t("v", tf.get_variable("v", []))
        t("v2", tf.Variable(1.0, name="v2"))
        with tf.variable_scope("vs"):
            t("vs/v", tf.get_variable("v", []))
            with tf.name_scope("deep"):
                t("w", tf.get_variable("w", []))
                t("w2", tf.Variable(1.0, name="w2"))


@program("2")
def name_scope_with_values(tf, t):
    c = tf.constant(1.0)
    with tf.name_scope("n", values=[c]) as scope:
        t("values", scope)
    with tf.name_scope(None, "d", [c]) as scope:
        t("positional", scope)
    with tf.name_scope("n", "d", []) as scope:
        t("empty values", scope)


@program("2")
def exception_leaves_the_name_scope(tf, t):
    with t.fails("inside"):
        with tf.name_scope("a"):
            raise KeyError("x")
    t("scope", tf.get_default_graph().get_name_scope())
    with tf.name_scope("a") as scope:
        t("next", scope)


@program("2")
def graph_name_scope(tf, t):
    graph = tf.get_default_graph()
    with graph.name_scope("a") as scope:
        t("graph.name_scope", scope)
        with graph.name_scope("b") as inner:
            t("nested", inner)
            t("current", graph.get_name_scope())
        with graph.name_scope(None) as inner:
            t("cleared", inner)
            t("current cleared", graph.get_name_scope())


@program("2")
def path_scope_gives_its_parent_away(tf, t):
    with tf.name_scope("a/b"):
        pass
    with tf.name_scope("a") as scope:
        t("a", scope)
        with tf.name_scope("b") as inner:
            t("a/b", inner)


@program("0", "2")
def variable_scope_inside_a_name_scope(tf, t):
    with tf.name_scope("outer"):
        with tf.variable_scope("s") as scope:
            t("scope", scope)
            t("v", tf.get_variable("v", []))
            t("c", tf.constant(0.0, name="c"))
            t("raw", tf.Variable(0.0, name="r"))


@program("1.2")
def many_clashes(tf, t):
    t("raw", [tf.Variable(0.0, name="v").name for _ in range(5)])
    t("got", tf.get_variable("v_3", []).name)
    t("default", [tf.Variable(0.0).name for _ in range(3)])
    t("ops", [tf.constant(0.0).name for _ in range(3)])


@program("1.3", "6.9")
def ops_made_by_a_variable(tf, t):
    tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    graph = tf.get_default_graph()
    names = ("v", "v/Assign", "v/read", "v/Initializer")
    t("taken", [name for name in names if graph.unique_name(name, mark_as_used=False) != name])
