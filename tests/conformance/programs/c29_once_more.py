"""The specification once more, sentence by sentence, by somebody who did not look at the other programs."""

import contextlib

import numpy as np

from tests.conformance.program import program, run_in_thread


def ns(tf):
    return tf.get_default_graph().get_name_scope()


def names(items):
    return [getattr(item, "name", item) for item in items]


@program("0")
def owners(tf, t):
    # store is graph, scope state is graph and thread, name scopes too
    g = tf.get_default_graph()
    with tf.variable_scope("a"), tf.name_scope("n"):
        v = tf.get_variable("v", [])

        def other():
            with g.as_default():
                t("in thread", [tf.get_variable_scope(), ns(tf)])
                with tf.variable_scope("a", reuse=True):
                    t("found", tf.get_variable("v", []) is v)
                t("raw", tf.Variable(1.0, name="v").name)
                with tf.variable_scope(None, "a") as s:
                    t("def", s)

        run_in_thread(other)
        t("raw here", tf.Variable(1.0, name="v").name)
    with tf.variable_scope(None, "a") as s:
        t("def here", s)


@program("1.1")
def slashes_of_all_kinds(tf, t):
    for name in ("a/", "a//", "/", "//", "a/b/", "a//b", "./a", "a/.", "..", ".", "a/_b", "a/-b"):
        with t.fails(f"{name} gv"):
            t(f"{name} gv ok", tf.get_variable(name, []).name)
        with tf.variable_scope("o"):
            with t.fails(f"{name} in gv"):
                t(f"{name} in gv ok", tf.get_variable(name, []).name)
        with tf.variable_scope("p", reuse=tf.AUTO_REUSE):
            with t.fails(f"{name} auto"):
                t(f"{name} auto ok", tf.get_variable(name, []) is tf.get_variable(name, []))
        with t.fails(f"{name} raw"):
            t(f"{name} raw ok", tf.Variable(0.0, name=name).name)
        with t.fails(f"{name} vs"):
            with tf.variable_scope(name) as s:
                t(f"{name} vs ok", [s, ns(tf), tf.get_variable("z", []).name])
        with t.fails(f"{name} default"):
            with tf.variable_scope(None, name) as s:
                t(f"{name} default ok", [s, ns(tf), tf.get_variable("z", []).name])
        with t.fails(f"{name} ns"):
            with tf.name_scope(name) as s:
                t(f"{name} ns ok", [s, tf.constant(0.0, name="c").name])


@program("1.2")
def whole_names(tf, t):
    with tf.variable_scope("tower/stage"):
        t("a", [ns(tf), tf.get_variable("w", []).name])
    with tf.variable_scope("tower"):
        t("b", ns(tf))
        with tf.variable_scope("stage") as s:
            t("c", [s, ns(tf)])
    with tf.variable_scope("tower/stage/deep"):
        t("d", ns(tf))
    with tf.variable_scope("Tower/Stage"):
        t("e", ns(tf))
    with tf.name_scope("tower/stage"):
        t("f", ns(tf))


@program("3.1")
def construction_errors(tf, t):
    for i, kw in enumerate(
        [
            {"name_or_scope": None},
            {"name_or_scope": None, "default_name": None},
            {"name_or_scope": "a", "reuse": 0},
            {"name_or_scope": "a", "reuse": 1},
            {"name_or_scope": "a", "reuse": "x"},
            {"name_or_scope": "a", "reuse": []},
            {"name_or_scope": "a", "reuse": np.bool_(True)},
            {"name_or_scope": "a", "auxiliary_name_scope": None},
            {"name_or_scope": "a", "auxiliary_name_scope": 0},
            {"name_or_scope": "a", "auxiliary_name_scope": 1},
            {"name_or_scope": "a", "auxiliary_name_scope": "x"},
            {"name_or_scope": "a", "auxiliary_name_scope": np.True_},
            {"name_or_scope": "a", "values": 5},
            {"name_or_scope": "a", "values": []},
            {"name_or_scope": "a", "values": ()},
            {"name_or_scope": "a", "values": {}},
            {"name_or_scope": "a", "values": "abc"},
            {"name_or_scope": "a", "values": [None, 1, "x"]},
            {"name_or_scope": "a", "values": object()},
            {"name_or_scope": 3},
            {"name_or_scope": b"a"},
            {"name_or_scope": ["a"]},
            {"name_or_scope": object()},
            {"name_or_scope": "a", "default_name": 3},
            {"name_or_scope": None, "default_name": 3},
            {"name_or_scope": None, "default_name": "d", "reuse": True},
            {"name_or_scope": None, "default_name": "d", "reuse": tf.AUTO_REUSE},
            {"name_or_scope": None, "default_name": "d", "reuse": False},
            {},
            {"name_or_scope": "a", "foo": 1},
            {"name_or_scope": "a", "reuse": True, "default_name": "d"},
            {"name_or_scope": None, "default_name": "d", "reuse": 0},
            {"name_or_scope": None, "reuse": 0},
            {"name_or_scope": None, "default_name": []},
            {"name_or_scope": "", "default_name": "d", "reuse": True},
            {"name_or_scope": False},
            {"name_or_scope": 0, "default_name": "d"},
        ]
    ):
        with t.fails(f"{i} construct"):
            vs = tf.variable_scope(**kw)
            with t.fails(f"{i} enter"):
                with vs as s:
                    t(f"{i} ok", [s, ns(tf)])
        t(f"{i} after", [tf.get_variable_scope(), ns(tf)])


@program("3.2")
def counters(tf, t):
    def d(n="d"):
        with tf.variable_scope(None, n) as s:
            return s.name

    with tf.variable_scope("a"):
        t("1", [d(), d()])
        with tf.variable_scope("b"):
            t("2", [d(), d()])
        with tf.variable_scope("b"):
            t("3", [d()])
        t("4", [d()])
    with tf.variable_scope("a"):
        t("5", [d()])
        with tf.variable_scope("a"):
            t("6", d())
        with tf.variable_scope(None, "a"):
            t("7", [tf.get_variable_scope().name, d()])
    with tf.variable_scope("ab"):
        t("8", d())
    with tf.variable_scope("a/b"):
        t("9", [d(), d()])
    with tf.variable_scope("a"):
        with tf.variable_scope("b"):
            t("10", [d()])
    with t.fails("exc"):
        with tf.variable_scope("a"):
            d()
            d()
            raise KeyError("x")
    with tf.variable_scope("a"):
        t("11", d())
    t("root", [d(), d(), d("a"), d("ab"), d("a/b"), d("a/b")])


@program("3.3")
def jumping_everywhere(tf, t):
    with tf.variable_scope("x/y/z", initializer=tf.zeros_initializer()) as xyz:
        pass
    with tf.variable_scope("p", reuse=True, dtype=tf.float16) as p:
        pass
    root = tf.get_variable_scope()
    for name, s in (("xyz", xyz), ("p", p), ("root", root)):
        for outer in ("", "o", "p"):
            for aux in (True, False):
                with contextlib.ExitStack() as st:
                    if outer:
                        st.enter_context(tf.variable_scope(outer))
                    with tf.variable_scope(s, auxiliary_name_scope=aux) as u:
                        t(f"{name} {outer} {aux}", [u, ns(tf), u is s, u is tf.get_variable_scope()])
                        with tf.name_scope(u.original_name_scope) as q:
                            t(f"{name} {outer} {aux} orig", [q, tf.constant(0.0, name="c").name])
                        with tf.variable_scope("k") as k:
                            t(f"{name} {outer} {aux} k", [k, ns(tf)])
                        with tf.variable_scope(None, "k") as k:
                            t(f"{name} {outer} {aux} dk", [k, ns(tf)])
    with tf.variable_scope(None, "k") as k:
        t("dk", [k])


@program("3.3")
def jump_defaults(tf, t):
    def d(n="d"):
        with tf.variable_scope(None, n) as s:
            return s.name

    with tf.variable_scope("root") as root:
        t("1", [d(), d()])
        with tf.variable_scope(root):
            t("2", [d(), d()])
        with tf.variable_scope("sibling") as sib:
            t("3", d())
        t("4", d())
        with tf.variable_scope(root):
            with tf.variable_scope(root):
                t("5", [d()])
            t("6", [d()])
            with tf.variable_scope(sib):
                t("7", [d(), d()])
            with tf.variable_scope("sibling"):
                t("8", [d(), d()])
        with tf.variable_scope(sib):
            t("9", [d(), d()])
        t("10", [d(), d("sibling"), d("root")])
    with tf.variable_scope(root):
        t("11", [d(), d("sibling")])
    t("12", [d(), d("root"), d("root"), d("sibling")])
    with tf.variable_scope(sib):
        t("13", [d(), d("root")])
    with tf.variable_scope("other"):
        with tf.variable_scope(root):
            t("14", [d(), d("other")])
        t("15", [d(), d("root")])
    with tf.variable_scope(root):
        with tf.variable_scope("sibling"):
            t("16", d())
        t("17", d("sibling"))


@program("3.4")
def default_more(tf, t):
    def d(n="d", **k):
        with tf.variable_scope(None, n, **k) as s:
            return [s.name, s.original_name_scope]

    t("1", [d(), d("d_1"), d(), d("d_1"), d("d"), d("d_2")])
    with tf.variable_scope("d_9"):
        pass
    t("2", [d() for _ in range(8)])
    with tf.variable_scope("", "zz") as s:
        t("empty given", s)
    with tf.variable_scope("named", "zz") as s:
        t("named", s)
    t("zz", d("zz"))
    t("aux", [d("aux", auxiliary_name_scope=False), d("aux", auxiliary_name_scope=False), d("aux")])
    with tf.name_scope("aux"):
        t("nsaux", d("aux"))
    t("case", [d("D"), d("D"), d("AUX")])
    t("slash", [d("q/r"), d("q/r"), d("q"), d("q/r_1")])
    with tf.variable_scope("q"):
        t("in q", [d("r"), d("r")])
    t("slash2", [d("q/r")])


@program("3.4")
def anonymous_reuse(tf, t):
    def layer():
        with tf.variable_scope(None, "dense"):
            return tf.get_variable("k", []).name

    with tf.variable_scope("m"):
        t("1", [layer() for _ in range(3)])
    with tf.variable_scope("m", reuse=True):
        t("2", [layer() for _ in range(3)])
        with t.fails("fourth"):
            layer()
    with tf.variable_scope("m", reuse=tf.AUTO_REUSE):
        t("3", [layer() for _ in range(5)])
        with t.fails("dn reuse"):
            with tf.variable_scope(None, "dense", reuse=True):
                pass
        t("4", layer())
    with t.fails("again"):
        with tf.variable_scope("m"):
            layer()
    t("root", [layer(), layer()])


@program("3.5")
def odd(tf, t):
    with tf.variable_scope("") as s:
        t("1", [s, ns(tf), tf.get_variable("a", []).name])
    with tf.variable_scope("p"):
        with tf.variable_scope("") as s:
            t("2", [s, ns(tf), tf.get_variable("a", []).name])
            with tf.variable_scope("") as u:
                t("3", [u, ns(tf), tf.get_variable("a", []).name])
                with tf.variable_scope("q") as w:
                    t("4", [w, ns(tf), tf.get_variable("a", []).name])
        with tf.variable_scope(s) as u:
            t("5", [u, ns(tf)])
        with tf.variable_scope("q/") as u:
            t("6", [u, ns(tf), tf.get_variable("a", []).name])
            with tf.variable_scope("r") as w:
                t("7", [w, ns(tf), tf.get_variable("b", []).name])
        with tf.variable_scope(u) as w:
            t("8", [w, ns(tf)])
        with t.fails("9"):
            with tf.variable_scope("/") as u:
                t("9 ok", [u, ns(tf), tf.get_variable("a", []).name])
        with t.fails("10"):
            with tf.variable_scope("//x//") as u:
                t("10 ok", [u, ns(tf), tf.get_variable("a", []).name])
        with tf.variable_scope(None, "") as u:
            t("11", [u, ns(tf)])
        with tf.variable_scope(None, "") as u:
            t("12", [u, ns(tf)])
        with tf.variable_scope(None, "t/") as u:
            t("13", [u, ns(tf)])
        with tf.variable_scope(None, "t/") as u:
            t("14", [u, ns(tf)])
        with tf.variable_scope(u) as u:
            t("15", [u, ns(tf)])
    with tf.variable_scope(None, "") as u:
        t("16", [u, ns(tf)])
    with t.fails("17"):
        with tf.variable_scope(None, "") as u:
            t("17 ok", [u, ns(tf)])


@program("3.7")
def listing(tf, t):
    with tf.variable_scope("s") as s:
        tf.get_variable("a", [])
        tf.get_variable("b", [], trainable=False)
        tf.get_local_variable("l", [])
        tf.Variable(1.0, name="raw")
        tf.get_variable("c", [], collections=["mine"])
        with tf.variable_scope("t") as u:
            tf.get_variable("a", [])
    with tf.variable_scope("s") as s2:
        tf.Variable(1.0, name="raw")
    with tf.variable_scope("st") as st:
        tf.get_variable("a", [])
    for n, x in (("s", s), ("u", u), ("s2", s2), ("st", st), ("root", tf.get_variable_scope())):
        t(
            n,
            [
                names(x.global_variables()),
                names(x.trainable_variables()),
                names(x.local_variables()),
                names(x.get_collection("mine")),
                names(x.get_collection("none")),
            ],
        )
    tf.add_to_collection("mine", 5)
    tf.add_to_collection("mine", "str")
    t("mine", [s.get_collection("mine"), tf.get_variable_scope().get_collection("mine")])
    with tf.Graph().as_default():
        t("other graph", s.global_variables())
    with tf.variable_scope("S") as S:
        t("S", names(S.global_variables()))


@program("4")
def reuse_combos(tf, t):
    flags = [None, False, True, tf.AUTO_REUSE]
    with tf.variable_scope("m"):
        tf.get_variable("v", [])
    k = 0
    for a in flags:
        for b in flags:
            for c in flags:
                with tf.variable_scope("m", reuse=a) as m:
                    with tf.variable_scope("n", reuse=b) as n:
                        with tf.variable_scope(m, reuse=c) as j:
                            out = [n.reuse, j.reuse]
                            with t.fails(f"{k} v"):
                                out.append(tf.get_variable("v", []).name)
                            with t.fails(f"{k} w"):
                                out.append(tf.get_variable(f"w{k}", []).name)
                            t(f"{k}", out)
                        with tf.variable_scope(n, reuse=c) as j:
                            t(f"{k} n", j.reuse)
                k += 1


@program("6")
def get_variable_none(tf, t):
    with t.fails("a"):
        t("a v", tf.get_variable(None, []))
    with t.fails("b"):
        t("b v", tf.get_variable(None, []))
    with t.fails("c"):
        t("c v", tf.get_variable(None, [2], initializer=tf.zeros_initializer()))
    with t.fails("c2"):
        t("c2 v", tf.get_variable(None, initializer=[2.0]))
    with tf.variable_scope("", reuse=True):
        with t.fails("d"):
            t("d v", tf.get_variable(None, []))
        with t.fails("d2"):
            t("d2 v", tf.get_variable("None", []))
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        with t.fails("e"):
            t("e v", tf.get_variable(None, []))
        with t.fails("e2"):
            t("e2 v", tf.get_variable("None", []))
        with t.fails("e3"):
            t("e3 v", tf.get_variable("Variable", []))
    with tf.name_scope("n"):
        with t.fails("f"):
            t("f v", tf.get_variable(None, [3]))

    def g(getter, name, *a, **k):
        t("name", name)
        return getter(name, *a, **k)

    with t.fails("g"):
        t("g v", tf.get_variable(None, [], custom_getter=g))

    def g2(getter, name, *a, **k):
        return getter("given", *a, **k)

    with t.fails("h"):
        t("h v", tf.get_variable(None, [], custom_getter=g2))
    with t.fails("r"):
        t("r v", tf.get_variable(None, [], regularizer=lambda v: None))
    with t.fails("p"):
        t("p v", tf.get_variable(None, [4], partitioner=tf.fixed_size_partitioner(2)))


@program("6.1")
def trainability(tf, t):
    S = tf.VariableSynchronization
    k = 0
    for tr in (None, True, False, 0, 1, "x", [], "", np.True_, np.False_):
        for sy in (S.AUTO, S.NONE, S.ON_WRITE, S.ON_READ):
            with t.fails(f"{tr!r} {sy.name}"):
                v = tf.get_variable(f"v{k}", [], trainable=tr, synchronization=sy)
                t(
                    f"{tr!r} {sy.name} v",
                    [repr(v.trainable), v.synchronization, names(tf.trainable_variables()).count(v.name)],
                )
            with t.fails(f"{tr!r} {sy.name} raw"):
                v = tf.Variable(1.0, name=f"r{k}", trainable=tr, synchronization=sy)
                t(
                    f"{tr!r} {sy.name} raw v",
                    [repr(v.trainable), v.synchronization, names(tf.trainable_variables()).count(v.name)],
                )
            with t.fails(f"{tr!r} {sy.name} local"):
                v = tf.get_local_variable(f"l{k}", [], trainable=tr, synchronization=sy)
                t(
                    f"{tr!r} {sy.name} local v",
                    [repr(v.trainable), v.synchronization, names(tf.trainable_variables()).count(v.name)],
                )
            k += 1


@program("9")
def getter_kwargs_everywhere(tf, t):
    seen = []

    def g(getter, *args, **kw):
        seen.append([list(args), {k: kw[k] if not callable(kw[k]) else "callable" for k in sorted(kw)}, list(kw)])
        return getter(*args, **kw)

    def show(label):
        t(
            label,
            [[a, k_] for a, k_, _ in seen],
        )
        seen.clear()

    with tf.variable_scope(
        "a",
        custom_getter=g,
        dtype=tf.float16,
        initializer=tf.ones_initializer(),
        caching_device="/cpu:0",
        use_resource=False,
        constraint=lambda x: x,
        regularizer=tf.no_regularizer,
    ) as a:
        tf.get_variable("x", [2])
        show("x")
        tf.get_variable("y", (2, 3), tf.int32, trainable=False, collections=["q"], validate_shape=True)
        show("y")
        tf.get_local_variable("l", [1])
        show("l")
        tf.get_local_variable("l2", [1], collections=["z"], trainable=True)
        show("l2")
        tf.get_variable("c", initializer=3)
        show("c")
        tf.get_variable(
            "sy", [1], synchronization=tf.VariableSynchronization.ON_READ, aggregation=tf.VariableAggregation.MEAN
        )
        show("sy")
        with tf.variable_scope("b"):
            tf.get_variable("x", [2])
            show("b/x")
        with tf.variable_scope("r", reuse=tf.AUTO_REUSE):
            tf.get_variable("x", [2])
            show("r/x")
        with tf.variable_scope(a, reuse=True):
            tf.get_variable("x", [2])
            show("again")
        with tf.variable_scope("dt", dtype="float64"):
            tf.get_variable("x", 3)
            show("dt/x")
        with tf.variable_scope("np", dtype=np.float32):
            tf.get_variable("x", tf.TensorShape([2]))
            show("np/x")
    with tf.variable_scope("p", partitioner=tf.fixed_size_partitioner(2), custom_getter=g):
        tf.get_variable("x", [4])
        show("p/x")


@program("9")
def getter_order(tf, t):
    log = []

    def mk(n):
        def g(getter, name, *a, **k):
            log.append(n)
            r = getter(name + "_" + n, *a, **k)
            log.append(n + "'")
            return r

        return g

    def show(label, v):
        t(label, [v, list(log)])
        log.clear()

    root = tf.get_variable_scope()
    root.set_custom_getter(mk("root"))
    show("root", tf.get_variable("v", []))
    with tf.variable_scope("a", custom_getter=mk("a")) as a:
        show("a", tf.get_variable("v", []))
        with tf.variable_scope("b", custom_getter=mk("b")) as b:
            show("b", tf.get_variable("v", []))
            with tf.variable_scope("c") as c:
                show("c", tf.get_variable("v", []))
            with tf.variable_scope(a, custom_getter=mk("j")):
                show("j", tf.get_variable("w", []))
            with tf.variable_scope(root, custom_getter=mk("k")):
                show("k", tf.get_variable("w", []))
            show("own", tf.get_variable("own", [], custom_getter=mk("own")))
            b.set_custom_getter(mk("set"))
            show("set", tf.get_variable("set", []))
            with tf.variable_scope("d", custom_getter=mk("d")):
                show("d", tf.get_variable("v", []))
            with tf.variable_scope(b, custom_getter=mk("bb")):
                show("bb", tf.get_variable("v", []))
            b.set_custom_getter(None)
            show("none", tf.get_variable("none", []))
            with tf.variable_scope("e"):
                show("e", tf.get_variable("v", []))
    with tf.variable_scope(c):
        show("c again", tf.get_variable("v2", []))
    with tf.variable_scope(b):
        show("b again", tf.get_variable("v2", []))
    with tf.variable_scope("a/b/c"):
        show("fresh", tf.get_variable("v3", []))
    with tf.variable_scope(tf.VariableScope(False, "hand", custom_getter=mk("hand"))):
        show("hand", tf.get_variable("v", []))
    with tf.variable_scope(tf.VariableScope(False, "hand", custom_getter=mk("hand")), custom_getter=mk("more")):
        show("hand2", tf.get_variable("v", []))
    tm = tf.make_template("t", lambda: tf.get_variable("v", []), custom_getter_=mk("tm"))
    with tf.variable_scope("o", custom_getter=mk("o")):
        show("tm", tm())
    show("tm2", tm())
    with tf.variable_scope("o2", custom_getter=mk("o2")):
        show("tm3", tm())
    with tf.variable_scope("o3", custom_getter=mk("o3")):
        tn = tf.make_template("t", lambda: tf.get_variable("v", []), True, custom_getter_=mk("tn"))
    show("tn", tn())
    show("tn2", tn())


@program("10")
def partitioners_args(tf, t):
    for i, (f, a) in enumerate(
        [
            ("fixed_size_partitioner", {"num_shards": 0}),
            ("fixed_size_partitioner", {"num_shards": -1}),
            ("fixed_size_partitioner", {"num_shards": 2, "axis": 1}),
            ("fixed_size_partitioner", {"num_shards": 2, "axis": 5}),
            ("fixed_size_partitioner", {"num_shards": 2, "axis": -1}),
            ("fixed_size_partitioner", {"num_shards": "2"}),
            ("fixed_size_partitioner", {"num_shards": 2.0}),
            ("fixed_size_partitioner", {"num_shards": None}),
            ("fixed_size_partitioner", {}),
            ("fixed_size_partitioner", {"num_shards": 100}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 0}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": -5}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "axis": 1}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "axis": 2}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "axis": -1}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "axis": -2}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "axis": -3}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "bytes_per_string_element": 0}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "max_shards": 0}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16, "max_shards": 2}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 1}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 10**9}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": "x"}),
            ("variable_axis_size_partitioner", {"max_shard_bytes": 16.5}),
            ("min_max_variable_partitioner", {}),
            ("min_max_variable_partitioner", {"max_partitions": 0}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "min_slice_size": 0}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "min_slice_size": 16}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "min_slice_size": 16, "axis": 1}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "min_slice_size": 16, "axis": 2}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "min_slice_size": -1}),
            ("min_max_variable_partitioner", {"max_partitions": -4, "min_slice_size": 1}),
            ("min_max_variable_partitioner", {"max_partitions": 4, "bytes_per_string_element": -1}),
            ("min_max_variable_partitioner", {"max_partitions": 100, "min_slice_size": 1}),
        ]
    ):
        with t.fails(f"{i} make"):
            p = getattr(tf, f)(**a)
            for sh in (
                ([6, 8], [1, 1], [5], [3, 4, 5])
                if i not in (12, 13, 15, 16, 20, 21, 22, 24)
                else ([6, 8], [1, 1], [5], [None, 3], [])
            ):
                for d in (tf.float32, tf.string, tf.bool):
                    with t.fails(f"{i} {sh} {d.name}"):
                        t(f"{i} {sh} {d.name} ok", p(shape=tf.TensorShape(sh), dtype=d))
            with t.fails(f"{i} gv"):
                t(f"{i} gv ok", tf.get_variable(f"v{i}", [6, 8], partitioner=p))
            with t.fails(f"{i} gv2"):
                t(f"{i} gv2 ok", tf.get_variable(f"w{i}", [6], tf.int32, partitioner=p))


@program("10")
def partition_in_things(tf, t):
    fs = tf.fixed_size_partitioner(2)
    with tf.variable_scope("a", partitioner=fs, reuse=tf.AUTO_REUSE) as a:
        t("1", tf.get_variable("v", [4]))
        t("2", tf.get_variable("v", [4]))
        t("s", tf.get_variable("s", []))
        with t.fails("c"):
            t("c ok", tf.get_variable("c", initializer=[1.0, 2.0]))
        with tf.variable_scope("b"):
            t("b", tf.get_variable("v", [4]))
        with t.fails("no shape"):
            t("ns ok", tf.get_variable("v"))
        a.set_partitioner(None)
        with t.fails("no part"):
            t("np ok", tf.get_variable("v", [4]))
    with tf.variable_scope(a, reuse=True):
        with t.fails("reuse"):
            t("reuse ok", tf.get_variable("v", [4]))
        with t.fails("reuse ns"):
            t("reuse ns ok", tf.get_variable("v"))
        with t.fails("reuse bad"):
            t("reuse bad ok", tf.get_variable("v", [5]))
    tm = tf.make_template("t", lambda: tf.get_variable("v", [4], partitioner=fs))
    t("tm", tm() is tm())
    t("tv", [tm.variables, tm.trainable_variables, tm.global_variables])
    tm2 = tf.make_template("t2", lambda p: tf.get_variable("v", [4], partitioner=fs if p else None))
    t("tm2", tm2(True))
    t("tm2b", tm2(False))
    with tf.variable_scope("l"):
        t("loc", tf.get_local_variable("v", [4], partitioner=fs))
    with tf.variable_scope("r", regularizer=lambda v: tf.constant(1.0, name="reg"), partitioner=fs):
        t("r", tf.get_variable("v", [4]))
        t("rl", names(tf.get_collection("regularization_losses")))
    with tf.name_scope("ns"):
        with tf.variable_scope("vs"):
            t("vs", tf.get_variable("v", [4], partitioner=fs))
            t("vst", tf.get_variable("w", [4], partitioner=fs).as_tensor())

    def g(getter, name, partitioner=None, *a, **k):
        t("g " + name, partitioner is not None)
        return getter(name, partitioner=None, *a, **k)

    with tf.variable_scope("g", partitioner=fs, custom_getter=g):
        t("g of a part", tf.get_variable("v", [4]))
    tf.constant(0.0, name="taken/part_0")
    t("taken", tf.get_variable("taken", [4], partitioner=fs))
    tf.constant(0.0, name="tk")
    x = tf.get_variable("tk", [4], partitioner=fs)
    t("tk", x)
    t("tkt", x.as_tensor())
    ema = tf.train.ExponentialMovingAverage(0.9)
    with t.fails("ema"):
        ema.apply(list(x))
        t("ema of parts", [ema.average(s) for s in x])
    with t.fails("emap"):
        ema.apply([x])


@program("11.1")
def captured(tf, t):
    def f():
        return tf.get_variable("x", []).name

    with tf.variable_scope("o") as o:
        m, n = tf.make_template("s", f), tf.make_template("s", f, create_scope_now_=True)
    with tf.variable_scope("p"):
        t("m", [m(), m.variable_scope_name, m.variable_scope, ns(tf)])
        t("n", [n(), n.variable_scope_name, n.variable_scope])
    with tf.variable_scope("o"):
        k = tf.make_template("s", f)
        with t.fails("k"):
            t("k ok", [k(), k.variable_scope_name])
        again = tf.make_template("s", f, True)
        with t.fails("l"):
            t("l ok", [again(), again.variable_scope_name])
    with tf.variable_scope(o):
        q = tf.make_template("s", f, True)
        with t.fails("q"):
            t("q ok", [q(), q.variable_scope_name])
        r = tf.make_template("s", f)
        with t.fails("r"):
            t("r ok", [r(), r.variable_scope_name])
    with tf.variable_scope("o", auxiliary_name_scope=False):
        s = tf.make_template("zz", f, True)
        t("s", [s(), s.variable_scope, s.variable_scope.original_name_scope])
    with tf.name_scope("nm"):
        u = tf.make_template("zz", f, True)
        t("u", [u(), u.variable_scope])
        w = tf.make_template("zz", f)
        t("w", [w(), w.variable_scope])


@program("11.2")
def calls_and_scopes(tf, t):
    def f(tag):
        s = tf.get_variable_scope()
        t(tag, [s, ns(tf), tf.get_variable("x", []).name, tf.constant(0.0, name="c").name])
        return s

    for now in (False, True):
        m = tf.make_template("m", f, now)
        t(f"{now} same", m(f"{now} 1") is m.variable_scope)
        t(f"{now} same2", m(f"{now} 2") is m.variable_scope)
        with tf.variable_scope("o", reuse=tf.AUTO_REUSE, initializer=tf.ones_initializer()), tf.name_scope("n"):
            m(f"{now} 3")
        with tf.variable_scope(m.variable_scope, reuse=True):
            m(f"{now} 4")
        with tf.variable_scope("zz", reuse=True):
            m(f"{now} 5")
        with tf.Graph().as_default():
            with t.fails(f"{now} g"):
                m(f"{now} 6")


@program("11.2")
def setters_inside(tf, t):
    def f(k):
        s = tf.get_variable_scope()
        out = [s.dtype if isinstance(s.dtype, tf.DType) else str(s.dtype), s.initializer is not None, s.reuse]
        if k == 1:
            s.set_dtype(tf.float64)
            s.set_initializer(tf.zeros_initializer())
            s.reuse_variables()
        return out

    for now in (False, True):
        m = tf.make_template("m", f, now)
        t(f"{now}", [m(0), m(1), m(2)])
        m = tf.make_template("m", f, now)
        t(f"{now} b", [m(1), m(2), m(1)])
        t(f"{now} scope", m.variable_scope)


@program("3.2")
def never_entered(tf, t):
    with t.fails("vs"):
        tf.variable_scope("a").__exit__(None, None, None)
    with t.fails("vs default"):
        tf.variable_scope(None, "a").__exit__(None, None, None)
    with tf.variable_scope("o") as o:
        with t.fails("vs in"):
            tf.variable_scope("a").__exit__(None, None, None)
        with t.fails("vs jump"):
            tf.variable_scope(o).__exit__(None, None, None)
    with t.fails("ns"):
        tf.name_scope("a").__exit__(None, None, None)
    with t.fails("creator"):
        tf.variable_creator_scope(lambda n, **k: n(**k)).__exit__(None, None, None)
    with t.fails("graph"):
        tf.Graph().as_default().__exit__(None, None, None)
    with t.fails("aux"):
        tf.variable_scope("a", auxiliary_name_scope=False).__exit__(None, None, None)
    a = tf.variable_scope("a")
    with a:
        pass
    with t.fails("twice"):
        a.__exit__(None, None, None)
    t("state", tf.get_variable_scope())
    b = tf.name_scope("a")
    with b:
        pass
    with t.fails("ns twice"):
        b.__exit__(None, None, None)


@program("9.1")
def creator_returns(tf, t):
    for i, r in enumerate([None, "s", 3, [1], np.zeros(2), tf.constant(1.0, name="k"), False, 0]):
        with tf.variable_creator_scope(lambda next_creator, **kw: r):
            with t.fails(f"{i} raw"):
                t(f"{i} raw is", tf.Variable(1.0, name="nr"))
            with t.fails(f"{i} gv"):
                t(f"{i} gv is", tf.get_variable(f"ng{i}", []))
    for i, d in enumerate([None, tf.float32]):

        def c(next_creator, **kw):
            return next_creator(**{**kw, "dtype": d})

        with tf.variable_creator_scope(c):
            with t.fails(f"d{i} init"):
                t(f"d{i} init is", tf.get_variable(f"a{i}", [2]))
            with t.fails(f"d{i} const"):
                t(f"d{i} const is", tf.get_variable(f"b{i}", initializer=[1.0, 2.0]))
            with t.fails(f"d{i} np"):
                t(f"d{i} np is", tf.get_variable(f"c{i}", initializer=np.zeros(2)))
            with t.fails(f"d{i} raw"):
                t(f"d{i} raw is", tf.Variable(1.0, name=f"d{i}"))
            with t.fails(f"d{i} fn"):
                t(
                    f"d{i} fn is",
                    tf.get_variable(
                        f"e{i}",
                        [2],
                        initializer=lambda shape, dtype, partition_info=None: np.zeros(shape, dtype.as_numpy_dtype),
                    ),
                )
    for k, v in {
        "validate_shape": False,
        "collections": "x",
        "trainable": None,
        "constraint": 3,
        "name": None,
        "synchronization": "x",
        "initial_value": None,
        "use_resource": None,
        "aggregation": None,
        "foo": 3,
    }.items():

        def c(next_creator, **kw):
            return next_creator(**{**kw, k: v})

        with tf.variable_creator_scope(c):
            with t.fails(f"{k} init"):
                t(f"{k} init is", tf.get_variable(f"k{k}", [2], trainable=False))
            with t.fails(f"{k} raw"):
                t(f"{k} raw is", tf.Variable([1.0, 2.0], name=f"r{k}"))

    def only(next_creator, **kw):
        return next_creator(initial_value=kw["initial_value"], name=kw["name"])

    with tf.variable_creator_scope(only):
        with t.fails("only"):
            t("only is", tf.get_variable("only", [2]))


@program("12")
def uninit(tf, t):
    with t.fails("none at all"):
        t("r0", [tf.report_uninitialized_variables().name, tf.assert_variables_initialized()])
    v = tf.get_variable("v", [])
    t(
        "one",
        [
            tf.report_uninitialized_variables().name,
            tf.assert_variables_initialized().name,
            tf.report_uninitialized_variables([v]).name,
            tf.assert_variables_initialized([v]).name,
        ],
    )
    tf.get_variable("w", [])
    t(
        "two",
        [
            tf.report_uninitialized_variables().name,
            tf.assert_variables_initialized().name,
            tf.report_uninitialized_variables(name="rep").name,
            tf.report_uninitialized_variables([v], "r2").name,
        ],
    )
    t(
        "dt",
        [
            tf.report_uninitialized_variables().dtype,
            tf.is_variable_initialized(v).name,
            tf.is_variable_initialized(v).dtype,
        ],
    )


@program("12")
def totals(tf, t):
    with t.fails("e"):
        tf.losses.get_total_loss()
    with t.fails("e2"):
        tf.losses.get_total_loss(False)
    tf.losses.add_loss(tf.constant(1.0, name="a"))
    t("n", [tf.losses.get_total_loss().name, tf.losses.get_total_loss().name])
    tf.losses.add_loss(tf.constant(1.0, name="b"))
    t("n2", [tf.losses.get_total_loss().name, tf.losses.get_total_loss(name="a").name])
    with t.fails("e3"):
        tf.losses.get_total_loss(scope="zz")
    with tf.name_scope("q"):
        t("n3", tf.losses.get_total_loss().name)
    with t.fails("num"):
        tf.losses.add_loss(3.0)
        t("n4", tf.losses.get_total_loss().name)


@program("10", "12")
def averages_under_a_partitioner(tf, t):
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.variable_scope("s", partitioner=tf.fixed_size_partitioner(2)):
        table = tf.get_variable("table", [4, 2])
        t("applied", average.apply(list(table)).name)
        t("averages", [average.average(part) for part in table])
        t("scope", tf.get_variable_scope().partitioner is not None)
        t("cut as before", tf.get_variable("other", [4]))
    t("restored", sorted(average.variables_to_restore()))


@program("12")
def what_is_taken_for_a_global_step(tf, t):
    for label, fill in {
        "number": lambda: tf.add_to_collection("global_step", 5),
        "text": lambda: tf.add_to_collection("global_step", "step"),
        "constant": lambda: tf.constant(3, tf.int64, name="global_step"),
        "float constant": lambda: tf.constant(3.0, name="global_step"),
        "no op": lambda: tf.no_op(name="other"),
    }.items():
        with tf.Graph().as_default():
            kept = [fill()]
            with t.fails(f"{label} got"):
                step = tf.train.get_global_step()
                t(f"{label} is", step if step is None else [step.name, step.dtype])
            with t.fails(f"{label} made"):
                t(f"{label} or", [tf.train.get_or_create_global_step().name, len(kept)])


@program("surface")
def what_old_code_also_calls(tf, t):
    t("numbers", [int(tf.float32), int(tf.bfloat16), tf.as_dtype(type_value="half")])
    t("any rank", [tf.TensorShape([2]).with_rank(None), tf.TensorShape(None).with_rank(None)])
    v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    for label, call in {
        "assign": lambda: v.assign([1.0, 1.0], use_locking=True, name="n", read_value=False),
        "assign_add": lambda: v.assign_add([1.0, 1.0], True, "n", True),
        "tf.assign": lambda: tf.assign(v, [1.0, 1.0], validate_shape=True, use_locking=True, name="n"),
        "tf.assign_add": lambda: tf.assign_add(v, [1.0, 1.0], use_locking=True, name="n"),
        "tf.assign_sub": lambda: tf.assign_sub(v, [1.0, 1.0], use_locking=True, name="n"),
    }.items():
        with t.fails(label):
            call()
    parts = tf.get_variable("p", [4, 2], partitioner=tf.fixed_size_partitioner(2))
    t("parts", [parts._get_variable_list(), list(parts._get_partitions()), list(parts._partition_axes())])
    whole = tf.get_variable("w", [4, 2], partitioner=tf.fixed_size_partitioner(1))
    t("one part", [whole._get_variable_list(), list(whole._get_partitions()), list(whole._partition_axes())])
    for gain in (2, 2.0, True):
        with t.fails(f"{gain!r} on the diagonal"):
            square = tf.get_variable(f"i{gain}", [2, 2], tf.int32, tf.initializers.identity(gain=gain))
            t(f"{gain!r} diagonal", square)
    for make in (tf.glorot_uniform_initializer, tf.glorot_normal_initializer):
        made = make(seed=1, dtype=tf.int32)
        t(make.__name__, [made.scale, made.mode, made.distribution, made.seed])
        t(f"{make.__name__} makes", tf.get_variable(make.__name__, [2], initializer=made))
    for number, arguments in enumerate((("v", 3), (None, 3), (None, None, [v]), (None, None, []))):
        with t.fails(f"name scope {number}"), tf.name_scope(*arguments):
            pass
    for flag in ("x", 0, 1, None, True):
        with t.fails(f"validate_shape={flag!r}"):
            tf.get_variable(f"validated_{type(flag).__name__}{flag}", [2], validate_shape=flag)


@program("9.1", "13")
def scopes_as_decorators(tf, t):
    other = tf.Graph()

    @other.as_default()
    def elsewhere(depth):
        here = tf.get_default_graph() is other
        return [here, tf.get_variable(f"v{depth}", []).graph is other, depth and elsewhere(depth - 1)]

    @tf.variable_creator_scope(lambda creator, **kwargs: creator(**{**kwargs, "trainable": False}))
    def frozen(name, inner=None):
        return [tf.get_variable(name, []).trainable, tf.Variable(1.0).trainable, inner and frozen(inner)]

    t("elsewhere", [elsewhere(1), tf.get_default_graph() is other])
    t("frozen", [frozen("a", "b"), tf.get_variable("c", []).trainable])
    t("names", [elsewhere.__name__, frozen.__name__])
    with t.fails("a variable scope is none"):

        @tf.variable_scope("s")
        def function():
            pass

        function()


@program("surface")
def seeds_of_any_kind(tf, t):
    for seed in (3, 0, None):
        with t.fails(f"{seed}"):
            tf.set_random_seed(seed)
    tf.add_to_collection("c", 1)
    tf.get_default_graph().finalize()
    with t.fails("cleared"):
        tf.get_default_graph().clear_collection("c")


@program("surface")
def dtypes_by_their_module(tf, t):
    names_here = ("float32", "half", "double", "bool", "string", "bfloat16", "qint8", "variant", "uint64", "complex64")
    t("same", [getattr(tf.dtypes, name) is getattr(tf, name) for name in names_here])
    t("read", [tf.dtypes.as_dtype("int64"), isinstance(tf.float32, tf.dtypes.DType)])
    t("quantized", sorted(dtype.name for dtype in tf.QUANTIZED_DTYPES))
    t("variable", tf.get_variable("v", [2], tf.dtypes.float16))
