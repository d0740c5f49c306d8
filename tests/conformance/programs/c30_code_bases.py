"""Programs in the style of public TF1 code bases, as far as their names go."""

# ruff: noqa: UP031 - as code of that time writes it
import collections
import contextlib
import functools

import numpy as np

from tests.conformance.program import program


def names(items):
    return [item.name for item in items]


def ops(items):
    return [item.op.name for item in items]


# -- slim: arg scopes ------------------------------------------------------------------------------------------------
class ArgScope:
    stack = [{}]

    @classmethod
    @contextlib.contextmanager
    def scope(cls, functions, **kwargs):
        now = {k: dict(v) for k, v in cls.stack[-1].items()}
        for f in functions:
            now.setdefault(f.__wrapped__.__name__, {}).update(kwargs)
        cls.stack.append(now)
        try:
            yield now
        finally:
            cls.stack.pop()


def add_arg_scope(f):
    @functools.wraps(f)
    def with_args(*args, **kwargs):
        return f(*args, **{**ArgScope.stack[-1].get(f.__name__, {}), **kwargs})

    return with_args


@add_arg_scope
def model_variable(
    tf, name, shape, trainable=True, collections=None, regularizer=None, initializer=None, custom_getter=None
):
    collections = [*list(collections or []), tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES]
    getter = tf.get_variable if custom_getter is None else functools.partial(custom_getter, tf.get_variable)
    return getter(
        name,
        shape=shape,
        trainable=trainable,
        collections=collections,
        regularizer=regularizer,
        initializer=initializer,
    )


@add_arg_scope
def conv(
    tf,
    x,
    n,
    k=3,
    scope=None,
    reuse=None,
    normalizer=None,
    variables_collections=None,
    trainable=True,
    weights_regularizer=None,
):
    def layer_getter(getter, *args, **kwargs):
        kwargs["rename"] = {"kernel": "weights", "bias": "biases"}
        rename = kwargs.pop("rename")
        full = kwargs["name"]
        short = full.split("/")[-1]
        kwargs["name"] = "/".join([*full.split("/")[:-1], rename.get(short, short)])
        kwargs["collections"] = [*list(variables_collections or []), tf.GraphKeys.GLOBAL_VARIABLES]
        return getter(*args, **kwargs)

    with tf.variable_scope(scope, "Conv", [x], reuse=reuse, custom_getter=layer_getter) as sc:
        w = tf.get_variable("kernel", [k, k, x, n], trainable=trainable, regularizer=weights_regularizer)
        if normalizer is None:
            tf.get_variable("bias", [n], initializer=tf.zeros_initializer(), trainable=trainable)
        else:
            normalizer(n)
        tf.add_to_collection(sc.original_name_scope + "_outputs", w)
        return n


@program("9")
def slim_arg_scopes(tf, t):
    def batch_norm(n, scope=None, reuse=None):
        with tf.variable_scope(scope, "BatchNorm", reuse=reuse):
            for name, train in (("beta", True), ("gamma", True), ("moving_mean", False), ("moving_variance", False)):
                model_variable(
                    tf,
                    name,
                    [n],
                    trainable=train,
                    initializer=tf.zeros_initializer(),
                    collections=None if train else [tf.GraphKeys.MOVING_AVERAGE_VARIABLES],
                )

    def block(x, depth, scope=None):
        with tf.variable_scope(scope, "bottleneck", [x]) as sc:
            y = conv(tf, x, depth, 1, scope="shortcut") if x != depth else x
            y = conv(tf, x, depth // 2, 1, scope="conv1")
            y = conv(tf, y, depth // 2)
            y = conv(tf, y, depth, 1, scope="conv3", normalizer=None)
            return y, sc.original_name_scope

    def net(reuse=None):
        with tf.variable_scope("resnet", "resnet", reuse=reuse):
            with (
                ArgScope.scope([conv], normalizer=batch_norm, variables_collections=["resnet_vars"]),
                ArgScope.scope([model_variable], collections=["all"]),
            ):
                x, out = 3, []
                for i, d in enumerate((8, 8, 16)):
                    with tf.variable_scope("block%d" % i, None):
                        x, o = block(x, d, scope=None if i else "unit_1")
                        out.append(o)
            return out

    t("first", net())
    t("second", net(True))
    with t.fails("clash"):
        net()
    for key in ("resnet_vars", "all", "model_variables", "moving_average_variables"):
        t(key, names(tf.get_collection(key)))
    t("scoped", names(tf.get_collection("model_variables", "resnet/block1")))


@program("9")
def tensor2tensor(tf, t):
    def layer_norm(n, name=None, reuse=None):
        with tf.variable_scope(name, default_name="layer_norm", values=[n], reuse=reuse):
            return tf.get_variable("layer_norm_scale", [n], initializer=tf.ones_initializer()), tf.get_variable(
                "layer_norm_bias", [n], initializer=tf.zeros_initializer()
            )

    def dense(n, m, name=None, use_bias=True):
        with tf.variable_scope(name, "dense"):
            tf.get_variable("kernel", [n, m])
            return use_bias and tf.get_variable("bias", [m], initializer=tf.zeros_initializer())

    def attention(n, name=None):
        with tf.variable_scope(name, default_name="multihead_attention", values=[n, n]):
            for c in "qkv":
                dense(n, n, c, False)
            dense(n, n, "output_transform", False)
            with tf.variable_scope("dot_product_attention"):
                return tf.get_default_graph().get_name_scope()

    def layer(n):
        with tf.variable_scope("self_attention"):
            with tf.variable_scope("layer_prepostprocess"):
                layer_norm(n)
            a = attention(n)
        with tf.variable_scope("ffn"):
            with tf.variable_scope("layer_prepostprocess"):
                layer_norm(n)
                layer_norm(n)
            dense(n, 2 * n)
            dense(2 * n, n)
        return a

    def body(shards, n=4):
        out = []
        for shard in range(shards):
            with (
                tf.name_scope("parallel_%d" % shard),
                tf.variable_scope(tf.get_variable_scope(), reuse=True if shard else None),
            ):
                for i in range(2):
                    with tf.variable_scope("layer_%d" % i):
                        out.append(layer(n))
        return out

    with tf.variable_scope("transformer/body", use_resource=False) as sc:
        t("train", body(2))
    t("variables", ops(tf.trainable_variables()))
    with tf.variable_scope("transformer"), tf.variable_scope("body", reuse=True):
        t("eval", body(1))
    with tf.variable_scope(sc, reuse=tf.AUTO_REUSE):
        t("infer", body(1, 4))
        layer_norm(4)
    with t.fails("other size"), tf.variable_scope(sc, reuse=True):
        body(1, 8)
    t("listed", len(sc.trainable_variables()))
    # symbol modality: one table in sixteen pieces
    with tf.variable_scope("symbol_modality_100_8", reuse=tf.AUTO_REUSE):
        for side in ("shared", "shared"):
            with tf.variable_scope(side):
                t(
                    "pieces " + str(len(tf.global_variables())),
                    [tf.get_variable("weights_%d" % i, [25 + (i < 0), 8]).name for i in range(4)],
                )


@program("11")
def sonnet_modules(tf, t):
    class AbstractModule:
        def __init__(self, name, custom_getter=None, regularizers=None):
            self._name, self._regs = name, regularizers or {}
            self._template = tf.make_template(name, self._build, create_scope_now_=True, custom_getter_=custom_getter)
            self._connected = []

        def __call__(self, *args, **kwargs):
            r = self._template(*args, **kwargs)
            self._connected.append(tf.get_default_graph().get_name_scope())
            return r

        @contextlib.contextmanager
        def _enter_variable_scope(self, reuse=None):
            with tf.variable_scope(self._template.variable_scope, reuse=reuse) as vs:
                yield vs

        scope_name = property(lambda self: self._template.variable_scope.name)
        module_name = property(lambda self: self._name)

        def get_variables(self, collection=None):
            return tf.get_collection(collection or tf.GraphKeys.TRAINABLE_VARIABLES, scope=self.scope_name + "/")

    class Linear(AbstractModule):
        def __init__(self, size, name="linear", **kw):
            super().__init__(name, **kw)
            self.size = size

        def _build(self, n):
            self.w = tf.get_variable("w", [n, self.size], regularizer=self._regs.get("w"))
            self.b = tf.get_variable("b", [self.size], initializer=tf.zeros_initializer())
            return self.size

    class MLP(AbstractModule):
        def __init__(self, sizes, name="mlp", **kw):
            super().__init__(name, **kw)
            with self._enter_variable_scope():
                self.layers = [Linear(s) for s in sizes]

        def _build(self, n):
            for layer in self.layers:
                n = layer(n)
            return n

        def transpose(self):
            return MLP([3], name=self.module_name + "_transpose")

    class Lazy(AbstractModule):
        def __init__(self, name="lazy"):
            super().__init__(name)

        def _build(self, n):
            a, b = Linear(2), Linear(3, name="out")
            return b(a(n))

    def frozen(getter, *a, **k):
        return getter(*a, **{**k, "trainable": False})

    m, m2, lz = MLP([2, 3]), MLP([2], custom_getter=frozen), Lazy()
    with tf.variable_scope("agent"):
        t("call", [m(4), m(4), m2(4), lz(4), lz(4)])
        inner = MLP([2, 2])
        inner(5)
        t("inner", [inner.scope_name, [layer.scope_name for layer in inner.layers]])
    t("scopes", [x.scope_name for x in (m, m2, lz)] + [layer.scope_name for layer in m.layers])
    t(
        "vars",
        [
            names(m.get_variables()),
            names(m2.get_variables()),
            names(m2.get_variables("variables")),
            names(lz.get_variables()),
        ],
    )
    t("connected", [m._connected, m2._connected, [layer._connected for layer in m.layers]])
    tr = m.transpose()
    tr(3)
    t("transpose", names(tr.get_variables()))
    t("all", names(tf.global_variables()))


@program("4")
def baselines_deepq(tf, t):
    def scope_vars(scope, trainable_only=False):
        return tf.get_collection(
            tf.GraphKeys.TRAINABLE_VARIABLES if trainable_only else tf.GraphKeys.GLOBAL_VARIABLES,
            scope=scope if isinstance(scope, str) else scope.name,
        )

    log = []

    def scope_name():
        return tf.get_variable_scope().name

    def absolute(relative):
        return scope_name() + "/" + relative

    def fc(n, m, **kw):
        with tf.variable_scope(None, "fully_connected", **kw):
            tf.get_variable("weights", [n, m])
            tf.get_variable("biases", [m], initializer=tf.zeros_initializer())

    def q_func(n, scope, reuse=False, layer_norm=False):
        with tf.variable_scope(scope, reuse=reuse):
            with tf.variable_scope("action_value"):
                fc(n, 4)
                fc(4, 2)
            with tf.variable_scope("state_value"):
                fc(n, 4)
                fc(4, 1)

    def build_act(scope="deepq", reuse=None, noise=False):
        with tf.variable_scope(scope, reuse=reuse):
            eps = tf.get_variable("eps", (), initializer=tf.constant_initializer(0))
            q_func(3, scope="q_func")
            if noise:
                q_func(3, scope="perturbed_q_func")
                log.append(1)
                all_vars, pert = scope_vars(absolute("q_func")), scope_vars(absolute("perturbed_q_func"))
                t(f"pairs {scope} {len(log)}", list(zip(names(all_vars), names(pert))))
            return eps

    def build_train(scope="deepq", reuse=None):
        build_act(scope, reuse, noise=True)
        with tf.variable_scope(scope, reuse=reuse):
            q_func(3, scope="q_func", reuse=True)
            q_vars = scope_vars(tf.get_variable_scope().name + "/q_func")
            q_func(3, scope="target_q_func")
            return names(q_vars), names(scope_vars(tf.get_variable_scope().name + "/target_q_func"))

    t("train", build_train())
    with t.fails("again"):
        build_train()
    t("again reuse", build_train(reuse=True))
    t("other", build_train("deepq_1"))
    t("prefix", len(scope_vars("deepq")))
    with t.fails("auto"):
        t("auto is", build_train("auto", tf.AUTO_REUSE))


@program("9")
def weight_norm_getters(tf, t):
    made = []

    def weight_norm(getter, name, *args, **kwargs):
        v = getter(name, *args, **kwargs)
        if not name.endswith("kernel"):
            return v
        with tf.variable_scope("wn", reuse=tf.AUTO_REUSE):
            g = getter(
                name + "_g",
                shape=[v.shape[-1].value],
                initializer=tf.ones_initializer(),
                dtype=v.dtype.base_dtype,
                trainable=kwargs["trainable"],
                reuse=kwargs["reuse"],
            )
        made.append((v.op.name, g.op.name))
        return v

    def ema_getter(ema):
        def g(getter, name, *args, **kwargs):
            v = getter(name, *args, **kwargs)
            a = ema.average(v)
            return a if a is not None else v

        return g

    def net(scope="net", **kw):
        with tf.variable_scope(scope, **kw):
            out = []
            for i in range(2):
                with tf.variable_scope(None, "conv2d"):
                    out.append(
                        tf.get_variable("kernel", [3, 3, 2, 2], initializer=tf.random_normal_initializer(0, 0.05)).name
                    )
                    out.append(tf.get_variable("bias", [2], initializer=tf.zeros_initializer()).name)
            return out

    t("train", net(custom_getter=weight_norm))
    t("made", list(made))
    made.clear()
    t("again", net(custom_getter=weight_norm, reuse=True))
    t("made again", list(made))
    ema = tf.train.ExponentialMovingAverage(0.999)
    ema.apply(tf.trainable_variables("net"))
    t("test", net(custom_getter=ema_getter(ema), reuse=True))
    t("plain", net(reuse=True))
    with tf.variable_scope("outer", custom_getter=ema_getter(ema)):
        t("nested", net(custom_getter=weight_norm))
    t("restore", sorted(ema.variables_to_restore()))


@program("3")
def bert(tf, t):
    def init(range_=0.02):
        return tf.truncated_normal_initializer(stddev=range_)

    def dense(n, m, name=None):
        with tf.variable_scope(name, "dense"):
            tf.get_variable("kernel", [n, m], initializer=init())
            tf.get_variable("bias", [m], initializer=tf.zeros_initializer())

    def layer_norm(n, name=None):
        with tf.variable_scope(name, "LayerNorm"):
            tf.get_variable("beta", [n], initializer=tf.zeros_initializer())
            tf.get_variable("gamma", [n], initializer=tf.ones_initializer())

    def model(h=4, layers=2, vocab=11, scope=None):
        with tf.variable_scope(scope, default_name="bert"):
            with tf.variable_scope("embeddings"):
                table = tf.get_variable(name="word_embeddings", shape=[vocab, h], initializer=init())
                tf.get_variable(name="token_type_embeddings", shape=[2, h], initializer=init())
                tf.get_variable(name="position_embeddings", shape=[8, h], initializer=init())
                layer_norm(h)
            with tf.variable_scope("encoder"):
                for i in range(layers):
                    with tf.variable_scope("layer_%d" % i):
                        with tf.variable_scope("attention"):
                            with tf.variable_scope("self"):
                                for n in ("query", "key", "value"):
                                    dense(h, h, n)
                            with tf.variable_scope("output"):
                                dense(h, h)
                                layer_norm(h)
                        with tf.variable_scope("intermediate"):
                            dense(h, 4 * h)
                        with tf.variable_scope("output"):
                            dense(4 * h, h)
                            layer_norm(h)
            with tf.variable_scope("pooler"):
                dense(h, h)
        return table

    model(scope="bert")
    with tf.variable_scope("cls/predictions"):
        with tf.variable_scope("transform"):
            dense(4, 4)
            layer_norm(4)
        tf.get_variable("output_bias", shape=[11], initializer=tf.zeros_initializer())
    with tf.variable_scope("cls/seq_relationship"):
        tf.get_variable("output_weights", shape=[2, 4], initializer=init())
        tf.get_variable("output_bias", shape=[2], initializer=tf.zeros_initializer())
    t("tvars", ops(tf.trainable_variables()))
    import re

    assignment = collections.OrderedDict(
        (re.match("^(.*):\\d+$", v.name).group(1), v) for v in tf.trainable_variables()
    )
    t("map", list(assignment)[:4])
    with tf.variable_scope("loss"):
        for v in tf.trainable_variables()[:3]:
            n = re.match("^(.*):\\d+$", v.name).group(1)
            m = tf.get_variable(
                name=n + "/adam_m",
                shape=v.shape.as_list(),
                dtype=tf.float32,
                trainable=False,
                initializer=tf.zeros_initializer(),
            )
            t(n, [m.name, m.shape])
    t("gs", tf.train.get_or_create_global_step())
    with t.fails("again"):
        model(scope="bert")
    t("anonymous", model().name)
    t("anonymous2", model().name)
    with tf.variable_scope("module", reuse=tf.AUTO_REUSE):
        t("hub", [model().name, model().name])


@program("4")
def progressive_gan(tf, t):
    def get_weight(shape, gain=np.sqrt(2), use_wscale=True):
        std = gain / np.sqrt(np.prod(shape[:-1]))
        if use_wscale:
            tf.constant(np.float32(std), name="wscale")
            return tf.get_variable("weight", shape=shape, initializer=tf.initializers.random_normal())
        return tf.get_variable("weight", shape=shape, initializer=tf.initializers.random_normal(0, std))

    def G(res=4, scope="G", reuse=False, **kw):
        with tf.variable_scope(scope, reuse=reuse or None):
            lod = tf.get_variable("lod", initializer=np.float32(0.0), trainable=False)
            out = []
            for r in range(2, res):
                with tf.variable_scope("%dx%d" % (2**r, 2**r)):
                    for part in ("Dense", "Conv") if r == 2 else ("Conv0_up", "Conv1"):
                        with tf.variable_scope(part):
                            get_weight([3, 3, 2, 2])
                            tf.get_variable("bias", shape=[2], initializer=tf.initializers.zeros())
                with tf.variable_scope("ToRGB_lod%d" % (res - r)):
                    get_weight([1, 1, 2, 3], gain=1, use_wscale=False)
                    out.append(tf.get_default_graph().get_name_scope())
            return lod, out

    class Network:
        def __init__(self, name, func, **kw):
            self.name, self.func, self.kw = name, func, kw
            g = tf.get_default_graph()
            self.scope = g.unique_name(name.replace("/", "_"), mark_as_used=False)
            with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE):
                assert tf.get_variable_scope().name == self.scope
                with tf.name_scope(self.scope + "/"), tf.control_dependencies(None):
                    self.out = func(scope="gen", **kw)
            self.vars = collections.OrderedDict(
                (v.name[len(self.scope) + 1 :].split(":")[0], v) for v in tf.global_variables(self.scope + "/")
            )

        def clone(self, name):
            return Network(name, self.func, **self.kw)

        def get_output_for(self):
            with tf.variable_scope(self.scope, reuse=True):
                return self.func(scope="gen", **self.kw)

    n = Network("G", G)
    t("vars", list(n.vars))
    t("out", n.out)
    t("scope", n.scope)
    t("for", n.get_output_for())
    m = Network("G", G, res=3)
    t("second", [m.scope, list(m.vars)])
    c = n.clone("Gs")
    t("clone", [c.scope, list(c.vars) == list(n.vars)])
    for gpu in range(2):
        with tf.name_scope("GPU%d" % gpu), tf.device("/gpu:%d" % gpu):
            t("gpu%d" % gpu, n.get_output_for()[1])


@program("11")
def seq2seq_templates(tf, t):
    class GraphModule:
        def __init__(self, name):
            self.name = name
            self._template = tf.make_template(name, self._build, create_scope_now_=True)
            self._unique_name = self._template.variable_scope.name.split("/")[-1]
            self.__doc__ = self._build.__doc__

        def __call__(self, *args, **kwargs):
            return self._template(*args, **kwargs)

        def variable_scope(self):
            return tf.variable_scope(self._template.variable_scope)

    class Encoder(GraphModule):
        def _build(self, n):
            with tf.variable_scope("rnn"):
                tf.get_variable("w", [n, n])
            return n

    class Attention(GraphModule):
        def _build(self, n):
            tf.get_variable("v_att", [n])
            return n

    class Decoder(GraphModule):
        def __init__(self, name, attention):
            super().__init__(name)
            self.attention = attention

        def _build(self, n, mode):
            with tf.variable_scope("decode_" + mode if mode == "odd" else "decode"):
                tf.get_variable("w", [n, n])
            if not hasattr(self, "cell"):
                with self.variable_scope():
                    self.cell = Encoder("cell")
            return [self.attention(n), self.cell(n)]

    class Model(GraphModule):
        def __init__(self, name="model"):
            super().__init__(name)

        def _build(self, mode):
            with tf.variable_scope(self._template.variable_scope, reuse=tf.AUTO_REUSE):
                enc, att = Encoder("encoder"), Attention("att")
                dec = Decoder("decoder", att)
            return [enc(2), dec(2, mode), enc._template.variable_scope_name, dec.cell._template.variable_scope_name]

    m = Model()
    t("train", m("train"))
    t("eval", m("eval"))
    with t.fails("odd"):
        m("odd")
    t("vars", names(m._template.variables))
    t("names", [m._unique_name, Model()._unique_name])
    with tf.variable_scope("other"):
        t("other", Model()("train"))


@program("11")
def edward_random_variables(tf, t):
    registry = []

    class RandomVariable:
        def __init__(self, *args, name=None, **kw):
            with tf.name_scope(name or type(self).__name__) as ns_:
                self._name = ns_
                self.value = tf.constant(0.0, name="sample")
            registry.append(self)
            tf.add_to_collection("_random_variable_collection_", self)

        name = property(lambda self: self._name)

    class Normal(RandomVariable):
        pass

    class Bernoulli(RandomVariable):
        pass

    def q(name, shape):
        with tf.variable_scope("posterior/" + name, reuse=tf.AUTO_REUSE):
            return Normal(
                tf.get_variable("loc", shape),
                tf.get_variable("scale", shape, constraint=abs, initializer=tf.ones_initializer()),
                name="q" + name,
            )

    with tf.name_scope("model"):
        _w, _b = Normal(name="w"), Normal()
        Bernoulli()
        Bernoulli()
    [q("w", [2]), q("b", []), q("w", [2])]
    t("names", [v.name for v in registry])
    t("samples", [v.value.name for v in registry])
    t("collection", [v.name for v in tf.get_collection("_random_variable_collection_", "model/")])
    t("constraint", [v.constraint is abs for v in tf.global_variables()])
    ed = tf.make_template("variational", lambda: [q("w", [2]).name, q("b", []).name])
    t("template", [ed(), ed()])
    t("tvars", names(ed.variables))


@program("13")
def estimator_modes(tf, t):
    def model_fn(mode, params):
        with tf.variable_scope(
            "model",
            reuse=(mode != "train" and params.get("shared")) or None,
            regularizer=(lambda v: tf.constant(0.1, name="decay")) if mode == "train" else None,
        ):
            with tf.variable_scope("input_layer"), tf.variable_scope("c_embedding"):
                tf.get_variable(
                    "embedding_weights",
                    [4, 2],
                    collections=["c_embedding", tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES],
                )
            for i in range(2):
                with tf.variable_scope("hiddenlayer_%d" % i, values=(2,)):
                    tf.get_variable("kernel", [2, 2])
                    tf.get_variable("bias", [2], initializer=tf.zeros_initializer())
            with tf.variable_scope("logits", values=(2,)):
                tf.get_variable("kernel", [2, 1])
        step = tf.train.get_or_create_global_step()
        with tf.name_scope("metrics"), tf.variable_scope("accuracy"):
            for n in ("total", "count"):
                tf.get_local_variable(
                    n, [], initializer=tf.zeros_initializer(), collections=[tf.GraphKeys.METRIC_VARIABLES]
                )
        return [
            step.name,
            names(tf.losses.get_regularization_losses()),
            names(tf.local_variables()),
            names(tf.get_collection("metric_variables")),
            names(tf.model_variables()),
        ]

    for mode in ("train", "eval", "infer"):
        with tf.Graph().as_default() as g:
            t(mode, model_fn(mode, {}))
            t(mode + " vars", names(g.get_collection("variables")))
    t("one graph", model_fn("train", {}))
    with t.fails("metrics twice"):
        model_fn("eval", {"shared": True})
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        t("auto", model_fn("eval", {"shared": True}))
