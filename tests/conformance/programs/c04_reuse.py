"""Sections 4 and 5: the reuse flag, and which settings a scope hands down."""

import numpy as np

from tests.conformance.program import program

FLAGS = ("False", "True", "AUTO")


def flag(tf, name):
    return {"None": None, "False": False, "True": True, "AUTO": tf.AUTO_REUSE}[name]


def show(value):
    return getattr(value, "name", value)


@program("4", covers="17.1")
def effective_reuse_by_string(tf, t):
    for outer in FLAGS:
        for argument in ("None", *FLAGS):
            with tf.variable_scope("o", reuse=flag(tf, outer)):
                with tf.variable_scope("i", reuse=flag(tf, argument)) as scope:
                    t(f"{outer} then {argument}", show(scope.reuse))


@program("4", covers="17.1")
def effective_reuse_by_default_name(tf, t):
    for outer in FLAGS:
        for argument in ("None", "False"):
            with tf.variable_scope("o", reuse=flag(tf, outer)):
                with tf.variable_scope(None, "i", reuse=flag(tf, argument)) as scope:
                    t(f"{outer} then {argument}", show(scope.reuse))


@program("4", covers="17.1")
def effective_reuse_by_object(tf, t):
    for captured_flag in FLAGS:
        with tf.variable_scope("c", reuse=flag(tf, captured_flag)) as captured:
            pass
        for argument in ("None", *FLAGS):
            for ambient in FLAGS:
                with tf.variable_scope("o", reuse=flag(tf, ambient)):
                    with tf.variable_scope(captured, reuse=flag(tf, argument)) as scope:
                        t(f"{captured_flag} then {argument} within {ambient}", show(scope.reuse))


@program("4")
def false_creates_and_clashes(tf, t):
    with tf.variable_scope("s"):
        t("v", tf.get_variable("v", [2]))
        with t.fails("again", "s/v"):
            tf.get_variable("v", [2])
    with tf.variable_scope("s"):
        with t.fails("reopened", "s/v"):
            tf.get_variable("v", [2])


@program("4")
def true_finds_and_misses(tf, t):
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        t("found", tf.get_variable("v", [2]) is v)
        with t.fails("missing", "s/w"):
            tf.get_variable("w", [2])


@program("4")
def auto_finds_or_creates(tf, t):
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        v = tf.get_variable("v", [2])
        t("created", v)
        t("found", tf.get_variable("v", [2]) is v)
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        t("reopened", tf.get_variable("v", [2]) is v)
    with tf.variable_scope("s"):
        with t.fails("without reuse"):
            tf.get_variable("v", [2])


@program("4", covers="17.1")
def false_does_not_switch_reuse_off(tf, t):
    with tf.variable_scope("s"):
        tf.get_variable("v", [])
    with tf.variable_scope("s", reuse=True):
        with tf.variable_scope("", reuse=False):
            t("reuse", tf.get_variable_scope().reuse)
        with tf.variable_scope("new", reuse=False):
            with t.fails("new"):
                tf.get_variable("v", [])
        with tf.variable_scope("new", reuse=tf.AUTO_REUSE):
            t("auto escapes", tf.get_variable("v", []))
            with tf.variable_scope("deeper", reuse=True):
                with t.fails("true tightens"):
                    tf.get_variable("v", [])


@program("4")
def jumping_out_of_reuse(tf, t):
    with tf.variable_scope("fresh") as fresh:
        pass
    with tf.variable_scope("s", reuse=True):
        with tf.variable_scope(fresh):
            t("creates", tf.get_variable("v", []))


@program("4")
def reuse_variables_changes_the_object(tf, t):
    with tf.variable_scope("a") as a:
        v = tf.get_variable("v", [])
        a.reuse_variables()
        t("inside", tf.get_variable("v") is v)
        with t.fails("new"):
            tf.get_variable("w", [])
    with tf.variable_scope(a) as scope:
        t("jump", scope)
    with tf.variable_scope("a") as scope:
        t("reopened", scope)


@program("4")
def the_auto_reuse_member(tf, t):
    t("truth", bool(tf.AUTO_REUSE))
    t("equal to True", tf.AUTO_REUSE == True)  # noqa: E712
    t("name", tf.AUTO_REUSE.name)


@program("4")
def reuse_at_the_root(tf, t):
    v = tf.get_variable("v", [])
    with t.fails("clash"):
        tf.get_variable("v", [])
    tf.get_variable_scope().reuse_variables()
    t("found", tf.get_variable("v") is v)
    with tf.variable_scope("s"):
        with t.fails("inherited"):
            tf.get_variable("v", [])


@program("4")
def reuse_reaches_slashed_names(tf, t):
    with tf.variable_scope("a"), tf.variable_scope("b"):
        v = tf.get_variable("c", [])
    with tf.variable_scope("", reuse=True):
        t("from the root", tf.get_variable("a/b/c") is v)
    with tf.variable_scope("a", reuse=True):
        t("from a", tf.get_variable("b/c") is v)
    with tf.variable_scope("a/b", reuse=True):
        t("by path", tf.get_variable("c") is v)


@program("5")
def settings_go_down_to_children(tf, t):
    with tf.variable_scope(
        "s",
        initializer=tf.constant_initializer(3.0),
        regularizer=lambda v: tf.constant(0.5, name="half"),
        dtype=tf.float64,
        use_resource=False,
    ) as scope:
        t("scope", scope)
        with tf.variable_scope("c") as child:
            t("child", child)
            v = tf.get_variable("v", [2])
            t("v", v)
            t.value("values", v)
        with tf.variable_scope(None, "d") as child:
            t("default", child)
        with tf.variable_scope("c", initializer=tf.ones_initializer(), dtype=tf.float16) as child:
            t("own", child)
            w = tf.get_variable("w", [2])
            t("w", w)
            t.value("own values", w)


@program("5")
def none_resets_nothing(tf, t):
    with tf.variable_scope("s", initializer=tf.ones_initializer(), dtype=tf.float64):
        with tf.variable_scope("c", initializer=None, dtype=None) as child:
            t("child", child)
            child.set_initializer(None)
            t("set to None", child)
            t("v", tf.get_variable("v", [2]))


@program("5")
def no_regularizer(tf, t):
    with tf.variable_scope("s", regularizer=lambda v: tf.constant(1.0, name="loss")):
        tf.get_variable("a", [])
        with tf.variable_scope("c", regularizer=tf.no_regularizer):
            tf.get_variable("b", [])
        tf.get_variable("d", [], regularizer=tf.no_regularizer)
    t("losses", tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
    t("direct", tf.no_regularizer(3))


@program("5", covers="constraint-not-inherited 17.10")
def a_constraint_is_not_inherited(tf, t):
    def clip(v):
        return v

    with tf.variable_scope("s", constraint=clip) as scope:
        t("scope", scope)
        t("v", tf.get_variable("v", []))
        with tf.variable_scope("c") as child:
            t("child", child)
            t("w", tf.get_variable("w", []))
    with tf.variable_scope(scope) as jumped:
        t("jumped", jumped)
        t("x", tf.get_variable("x", []))
    with tf.variable_scope(scope, constraint=clip) as jumped:
        t("given again", jumped)


@program("5")
def dtype_of_any_kind(tf, t):
    for number, dtype in enumerate((tf.float64, np.float64, "float64", np.dtype("int32"))):
        with tf.variable_scope(f"s{number}", dtype=dtype) as scope:
            t(f"scope {number}", scope)
            t(f"v {number}", tf.get_variable("v", [2]))


@program("5")
def an_own_argument_beats_the_scope(tf, t):
    with tf.variable_scope("s", initializer=tf.zeros_initializer(), dtype=tf.float64):
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer(), dtype=tf.float16)
        t("v", v)
        t.value("values", v)
        w = tf.get_variable("w", [2])
        t("w", w)
        t.value("scope's values", w)


@program("5")
def regularizers_of_scope_and_argument(tf, t):
    with tf.variable_scope("s", regularizer=lambda v: tf.constant(1.0, name="scope")):
        tf.get_variable("a", [])
        tf.get_variable("b", [], regularizer=lambda v: tf.constant(2.0, name="own"))
    t("losses", tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))


@program("5")
def partitioner_of_the_scope(tf, t):
    with tf.variable_scope("s", partitioner=tf.fixed_size_partitioner(2)) as scope:
        t("scope", scope)
        t("v", tf.get_variable("v", [4, 3]))
        with tf.variable_scope("c") as child:
            t("child", child)
            t("w", tf.get_variable("w", [5]))
        t("scalar", tf.get_variable("x", []))
        scope.set_partitioner(None)
        t("unset", tf.get_variable("y", [4]))


@program("5")
def settings_by_jump_and_argument(tf, t):
    with tf.variable_scope("s", dtype=tf.float64, initializer=tf.ones_initializer()) as captured:
        pass
    captured.set_dtype(tf.float16)
    with tf.variable_scope(captured) as scope:
        t("changed later", scope)
    with tf.variable_scope(captured, dtype=tf.int32, initializer=tf.zeros_initializer()) as scope:
        t("with arguments", scope)
        t("v", tf.get_variable("v", [2]))
    t("captured", captured)
