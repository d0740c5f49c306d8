"""Whole model builders in the styles of published TensorFlow 1 code; mathematics is NumPy's, on shapes alone."""

import contextlib
import functools

import numpy as np

from tests.conformance.program import program


class Value:
    """What flows through a network here: a shape. Enough for builders, which only ask for that."""

    def __init__(self, *shape):
        self.shape = list(shape)

    def get_shape(self):
        return self

    def as_list(self):
        return list(self.shape)

    def __getitem__(self, index):
        return self.shape[index]


def names(items):
    return [item.name for item in items]


# -- slim ------------------------------------------------------------------------------------------------------------


class Arguments:
    """Defaults for functions, as slim's `arg_scope` keeps them."""

    def __init__(self):
        self.stack = [{}]

    @contextlib.contextmanager
    def __call__(self, functions, **defaults):
        merged = {key: dict(value) for key, value in self.stack[-1].items()}
        for function in functions:
            merged.setdefault(function.__name__, {}).update(defaults)
        self.stack.append(merged)
        try:
            yield
        finally:
            self.stack.pop()

    def add(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            return function(*args, **{**self.stack[-1].get(function.__name__, {}), **kwargs})

        return wrapped


def slim(tf):
    arguments = Arguments()

    def model_variable(name, shape, **kwargs):
        collections = [tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES]
        return tf.get_variable(name, shape, collections=collections, **kwargs)

    @arguments.add
    def batch_norm(net, scope=None, reuse=None, center=True, is_training=True):
        with tf.variable_scope(scope, "BatchNorm", [net], reuse=reuse):
            size = [net.shape[-1]]
            if center:
                model_variable("beta", size, initializer=tf.zeros_initializer())
            mean = model_variable("moving_mean", size, initializer=tf.zeros_initializer(), trainable=False)
            variance = model_variable("moving_variance", size, initializer=tf.ones_initializer(), trainable=False)
            if is_training:
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, mean)
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, variance)
        return net

    @arguments.add
    def conv2d(net, outputs, kernel, scope=None, reuse=None, normalizer_fn=None, weights_regularizer=None, stride=1):
        with tf.variable_scope(scope, "Conv", [net], reuse=reuse):
            model_variable("weights", [*kernel, net.shape[-1], outputs], regularizer=weights_regularizer)
            net = Value(*net.shape[:-1], outputs)
            if normalizer_fn:
                net = normalizer_fn(net)
            else:
                model_variable("biases", [outputs], initializer=tf.zeros_initializer())
        return net

    def repeat(net, repetitions, layer, *args, scope=None, **kwargs):
        scope = scope or getattr(layer, "__name__", "Repeat")
        with tf.variable_scope(scope, "Repeat", [net]):
            for number in range(repetitions):
                net = layer(net, *args, scope=f"{scope}_{number + 1}", **kwargs)
        return net

    return arguments, conv2d, batch_norm, repeat


@program("3.4", "6.5", "6.6")
def vgg_by_slim(tf, t):
    arguments, conv2d, _, repeat = slim(tf)

    def vgg(images, scope="vgg_16"):
        with tf.variable_scope(scope, "vgg_16", [images]) as sc:
            with arguments([conv2d], weights_regularizer=lambda v: None):
                net = repeat(images, 2, conv2d, 8, [3, 3], scope="conv1")
                net = repeat(net, 3, conv2d, 16, [3, 3], scope="conv2")
                net = conv2d(net, 10, [1, 1], scope="fc8")
        return net, sc

    _, scope = vgg(Value(None, 32, 32, 3))
    t("scope", scope)
    t("model", tf.model_variables())
    t("of conv2", names(tf.get_collection(tf.GraphKeys.MODEL_VARIABLES, scope="vgg_16/conv2")))
    with t.fails("twice"):
        vgg(Value(None, 32, 32, 3))
    with tf.variable_scope("", reuse=True):
        vgg(Value(None, 32, 32, 3))
    t("default name", vgg(Value(None, 32, 32, 3), scope=None)[1])


@program("3.4", "6.5")
def resnet_by_slim(tf, t):
    arguments, conv2d, batch_norm, _ = slim(tf)

    def bottleneck(net, depth, base, scope=None):
        with tf.variable_scope(scope, "bottleneck_v2", [net]):
            batch_norm(net, scope="preact")
            if net.shape[-1] != depth:
                conv2d(net, depth, [1, 1], normalizer_fn=None, scope="shortcut")
            residual = conv2d(net, base, [1, 1], scope="conv1")
            residual = conv2d(residual, base, [3, 3], scope="conv2")
            return conv2d(residual, depth, [1, 1], normalizer_fn=None, scope="conv3")

    def resnet(net, training, reuse=None):
        with tf.variable_scope("resnet_v2", reuse=reuse) as sc:
            with arguments([conv2d], normalizer_fn=batch_norm), arguments([batch_norm], is_training=training):
                net = conv2d(net, 4, [7, 7], normalizer_fn=None, scope="conv1")
                for block, units in enumerate((2, 1), 1):
                    with tf.variable_scope(f"block{block}", values=[]):
                        for unit in range(units):
                            with tf.variable_scope(f"unit_{unit + 1}", values=[]):
                                net = bottleneck(net, 8 * block, 2 * block)
                net = batch_norm(net, scope="postnorm")
                conv2d(net, 10, [1, 1], normalizer_fn=None)
        return sc

    t("scope", resnet(Value(None, 8, 8, 3), True))
    t("updates", names(tf.get_collection(tf.GraphKeys.UPDATE_OPS)))
    t("evaluation", resnet(Value(None, 8, 8, 3), False, reuse=True))
    t("variables", names(tf.global_variables()))
    t("a layer outside", names([tf.get_variable("resnet_v2/mine", [])]))


@program("3.4", "4")
def inception_by_branches(tf, t):
    _, conv2d, batch_norm, _ = slim(tf)

    def block(net, scope=None, reuse=None):
        with tf.variable_scope(scope, "Block35", [net], reuse=reuse):
            with tf.variable_scope("Branch_0"):
                conv2d(net, 2, 1 * [1, 1], scope="Conv2d_1x1")
            with tf.variable_scope("Branch_1"):
                inner = conv2d(net, 2, [1, 1], scope="Conv2d_0a_1x1", normalizer_fn=batch_norm)
                conv2d(inner, 2, [3, 3], scope="Conv2d_0b_3x3")
            return conv2d(net, net.shape[-1], [1, 1], scope="Conv2d_1x1")

    with tf.variable_scope("Inception", "Inception", [], reuse=tf.AUTO_REUSE) as scope:
        for _ in range(3):
            block(Value(1, 4, 4, 3))
        block(Value(1, 4, 4, 3), scope="Final")
    with tf.variable_scope(scope):
        for _ in range(4):
            block(Value(1, 4, 4, 3))
    t("variables", names(tf.trainable_variables()))


# -- generative networks ---------------------------------------------------------------------------------------------


@program("4", "3.3", "12")
def dcgan_with_reuse(tf, t):
    def linear(net, size, scope=None):
        with tf.variable_scope(scope or "Linear"):
            tf.get_variable("Matrix", [net.shape[-1], size], tf.float32, tf.random_normal_initializer(stddev=0.02))
            tf.get_variable("bias", [size], initializer=tf.constant_initializer(0.0))
        return Value(net.shape[0], size)

    def conv(net, size, name="conv2d"):
        with tf.variable_scope(name):
            tf.get_variable("w", [5, 5, net.shape[-1], size], initializer=tf.truncated_normal_initializer(stddev=0.02))
            tf.get_variable("biases", [size], initializer=tf.constant_initializer(0.0))
        return Value(*net.shape[:-1], size)

    class BatchNorm:
        def __init__(self, name):
            with tf.variable_scope(name):
                self.name = name

        def __call__(self, net):
            with tf.variable_scope(self.name):
                tf.get_variable("beta", [net.shape[-1]], initializer=tf.zeros_initializer())
                tf.get_variable("gamma", [net.shape[-1]], initializer=tf.random_normal_initializer(1.0, 0.02))
                tf.get_variable("pop_mean", [net.shape[-1]], initializer=tf.zeros_initializer(), trainable=False)
            return net

    norms = {name: BatchNorm(name) for name in ("d_bn1", "g_bn0")}

    def discriminator(image, reuse=False):
        with tf.variable_scope("discriminator") as scope:
            if reuse:
                scope.reuse_variables()
            net = conv(image, 4, name="d_h0_conv")
            net = norms["d_bn1"](conv(net, 8, name="d_h1_conv"))
            return linear(net, 1, "d_h2_lin")

    def generator(z):
        with tf.variable_scope("generator"):
            return norms["g_bn0"](linear(z, 16, "g_h0_lin"))

    def sampler(z):
        with tf.variable_scope("generator") as scope:
            scope.reuse_variables()
            return norms["g_bn0"](linear(z, 16, "g_h0_lin"))

    generator(Value(8, 4))
    sampler(Value(8, 4))
    discriminator(Value(8, 8, 8, 3))
    discriminator(Value(8, 8, 8, 3), reuse=True)
    trained = tf.trainable_variables()
    t("d", names([v for v in trained if "d_" in v.name]))
    t("g", names([v for v in trained if "g_" in v.name]))
    with t.fails("no sharing"):
        generator(Value(8, 4))
    with t.fails("nothing to share"):
        with tf.variable_scope("other") as scope:
            scope.reuse_variables()
            linear(Value(1, 2), 3)


def spectral(tf, power=1):
    def getter(getter, name, *args, **kwargs):
        w = getter(name, *args, **kwargs)
        if not name.endswith("/w"):
            return w
        with tf.variable_scope(name.rsplit("/", 1)[1] + "_norm", reuse=tf.AUTO_REUSE, custom_getter=None):
            tf.get_variable(
                "u", [1, w.shape.as_list()[-1]], initializer=tf.truncated_normal_initializer(), trainable=False
            )
        return w

    return getter


@program("9", "9.1")
def spectral_norm_by_a_getter(tf, t):
    seen = []
    base = spectral(tf)

    def getter(getter, name, *args, **kwargs):
        seen.append(name)
        return getter(name, *args, **kwargs) if name.endswith("/u") else base(getter, name, *args, **kwargs)

    def build():
        with tf.variable_scope("d", custom_getter=getter, reuse=tf.AUTO_REUSE):
            for layer in ("l1", "l2"):
                with tf.variable_scope(layer):
                    tf.get_variable("w", [3, 3])
                    tf.get_variable("b", [3])

    build()
    build()
    t("seen", seen)
    t("global", tf.global_variables())


@program("9")
def weight_normalization_by_a_getter(tf, t):
    def getter(getter, name, shape=None, *args, **kwargs):
        if not name.endswith("kernel"):
            return getter(name, shape, *args, **kwargs)
        v = getter(f"{name}/v", shape, *args, **kwargs)
        g = getter(f"{name}/g", [shape[-1]], *args, **{**kwargs, "initializer": tf.ones_initializer()})
        return [v, g]

    def model(reuse):
        with tf.variable_scope("wn", custom_getter=getter, reuse=reuse):
            outcome = []
            for _ in range(2):
                with tf.variable_scope(None, "dense"):
                    outcome.append(tf.get_variable("kernel", [2, 3]))
                    outcome.append(tf.get_variable("bias", [3]))
            return outcome

    t("made", model(None))
    t("shared", model(True))


@program("9", "surface")
def averages_by_a_getter_as_in_biggan(tf, t):
    ema = tf.train.ExponentialMovingAverage(decay=0.999)

    def getter(getter, name, *args, **kwargs):
        variable = getter(name, *args, **kwargs)
        average = ema.average(variable)
        return average or variable

    def generator(reuse=None, custom_getter=None):
        with tf.variable_scope("G", reuse=reuse, custom_getter=custom_getter):
            with tf.variable_scope("block"):
                w = tf.get_variable("w", [2, 2])
            return [w, tf.get_variable("u", [1, 2], trainable=False)]

    t("trained", generator())
    ema.apply(tf.trainable_variables("G"))
    with tf.name_scope("eval"):
        t("averaged", generator(reuse=True, custom_getter=getter))
    t("restore", sorted((key, item.name) for key, item in ema.variables_to_restore().items()))
    t("global", names(tf.global_variables()))


# -- sequences -------------------------------------------------------------------------------------------------------


@program("3.3", "4", "9")
def seq2seq_with_attention(tf, t):
    class Cell:
        def __init__(self, units, name=None):
            self.units, self._scope, self.name = units, None, name

        def __call__(self, inputs, state, scope=None):
            with tf.variable_scope(scope or self.name or "basic_lstm_cell", reuse=tf.AUTO_REUSE):
                tf.get_variable("kernel", [inputs.shape[-1] + self.units, 4 * self.units])
                tf.get_variable("bias", [4 * self.units], initializer=tf.zeros_initializer())
            return Value(inputs.shape[0], self.units), state

    class Stacked:
        def __init__(self, cells):
            self.cells = cells

        def __call__(self, inputs, state, scope=None):
            with tf.variable_scope(scope or "multi_rnn_cell"):
                for number, cell in enumerate(self.cells):
                    with tf.variable_scope(f"cell_{number}"):
                        inputs, state = cell(inputs, state)
            return inputs, state

    class Attention:
        def __init__(self, cell, memory):
            self.cell, self.memory = cell, memory
            with tf.variable_scope("memory_layer"):
                tf.get_variable("kernel", [memory.shape[-1], cell.units])

        def __call__(self, inputs, state):
            with tf.variable_scope("attention_wrapper"):
                outputs, state = self.cell(Value(inputs.shape[0], inputs.shape[-1] + self.cell.units), state)
                with tf.variable_scope("bahdanau_attention", reuse=tf.AUTO_REUSE):
                    tf.get_variable("attention_v", [self.cell.units])
                    with tf.variable_scope("query_layer"):
                        tf.get_variable("kernel", [self.cell.units, self.cell.units])
            return outputs, state

    def rnn(cell, inputs, steps, scope=None):
        with tf.variable_scope(scope or "rnn") as varscope:
            state = None
            for step in range(steps):
                if step:
                    varscope.reuse_variables()
                outputs, state = cell(inputs, state)
        return outputs

    with tf.variable_scope("seq2seq", initializer=tf.random_uniform_initializer(-0.1, 0.1)):
        with tf.variable_scope("encoder"):
            tf.get_variable("embedding", [7, 4])
            with tf.variable_scope("bidirectional_rnn"):
                for direction in ("fw", "bw"):
                    with tf.variable_scope(direction) as scope:
                        rnn(Cell(3), Value(2, 4), 2, scope)
            memory = rnn(Stacked([Cell(3), Cell(3)]), Value(2, 6), 3)
        with tf.variable_scope("decoder") as decoder:
            cell = Attention(Cell(3), memory)
            rnn(cell, Value(2, 4), 3)
            with tf.variable_scope("output_projection"):
                tf.get_variable("w", [3, 7])
    with tf.variable_scope(decoder, reuse=True), t.fails("decoding"):
        with tf.variable_scope("rnn"):
            cell(Value(2, 4), None)
            t("decoded", tf.get_variable("attention_wrapper/bahdanau_attention/attention_v", [3]))
    t("variables", tf.global_variables())


@program("4", "3.4", "12")
def a_transformer_with_shared_weights(tf, t):
    def layer_norm(size, name=None):
        with tf.variable_scope(name, default_name="layer_norm"):
            tf.get_variable("layer_norm_scale", [size], initializer=tf.ones_initializer())
            tf.get_variable("layer_norm_bias", [size], initializer=tf.zeros_initializer())

    def dense(size, units, name):
        with tf.variable_scope(name):
            tf.get_variable("kernel", [size, units])

    def attention(size, name=None):
        with tf.variable_scope(name, default_name="multihead_attention"):
            for part in ("q", "k", "v", "output_transform"):
                dense(size, size, part)

    def stack(name, layers, cross, size=4):
        with tf.variable_scope(name):
            for layer in range(layers):
                with tf.variable_scope(f"layer_{layer}"):
                    with tf.variable_scope("self_attention"):
                        layer_norm(size, "layer_prepostprocess")
                        attention(size)
                    if cross:
                        with tf.variable_scope("encdec_attention"):
                            layer_norm(size, "layer_prepostprocess")
                            attention(size)
                    with tf.variable_scope("ffn"):
                        dense(size, 2 * size, "conv1")
                        dense(2 * size, size, "conv2")
            layer_norm(size)

    def symbol_modality(reuse=None, shards=2):
        with tf.variable_scope("shared", reuse=reuse):
            return [tf.get_variable(f"weights_{shard}", [5, 4]) for shard in range(shards)]

    def body(reuse):
        with tf.variable_scope("transformer", reuse=reuse) as scope:
            with tf.variable_scope("symbol_modality_5_4"):
                first = symbol_modality()
            with tf.variable_scope("body"):
                stack("encoder", 2, False)
                stack("decoder", 1, True)
            with tf.variable_scope("symbol_modality_5_4", reuse=True):
                t(f"tied {getattr(reuse, 'name', reuse)}", first == symbol_modality())
        return scope

    t("first", body(None))
    t("data parallel", body(True))
    t("variables", names(tf.trainable_variables()))
    t("auto", body(tf.AUTO_REUSE))


@program("3", "4")
def wavenet_in_a_dictionary(tf, t):
    def create_variable(name, shape):
        return tf.Variable(np.zeros(shape, np.float32), name=name)

    class WaveNet:
        def __init__(self, dilations, scope=None):
            with tf.variable_scope("wavenet" if scope is None else scope):
                self.variables = {}
                with tf.variable_scope("causal_layer"):
                    self.variables["causal"] = create_variable("filter", [2, 1, 4])
                self.variables["stack"] = []
                with tf.variable_scope("dilated_stack"):
                    for i, _ in enumerate(dilations):
                        with tf.variable_scope(f"layer{i}"):
                            current = {"filter": create_variable("filter", [2, 4, 4])}
                            current["gate"] = create_variable("gate", [2, 4, 4])
                            current["dense"] = create_variable("dense", [1, 4, 4])
                            self.variables["stack"].append(current)
                with tf.variable_scope("postprocessing"):
                    self.variables["post"] = [create_variable(f"postprocess{i}", [1, 4, 4]) for i in (1, 2)]

    t("first", WaveNet([1, 2]).variables)
    t("second, with other names", WaveNet([1]).variables)
    t("with a scope", WaveNet([1], "mine").variables)
    t("shared names are free", tf.get_variable("wavenet/causal_layer/filter", [2, 1, 4]))


# -- reinforcement learning and many devices -------------------------------------------------------------------------


@program("12", "3.7")
def a3c_with_local_and_global_scopes(tf, t):
    class Network:
        def __init__(self, scope, size=3):
            with tf.variable_scope(scope):
                tf.get_variable("conv/w", [size, 2])
                with tf.variable_scope("lstm"):
                    tf.get_variable("kernel", [2, 8])
                for head in ("policy", "value"):
                    with tf.variable_scope(head):
                        tf.get_variable("w", [2, 1])
                if scope != "global":
                    tf.get_local_variable("steps", [], initializer=tf.zeros_initializer(), dtype=tf.int32)
            self.variables = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope)

    tf.get_variable("global_episodes", [], tf.int32, tf.zeros_initializer(), trainable=False)
    networks = [Network(scope) for scope in ("global", "worker_0", "worker_1", "worker_10")]
    for number, network in enumerate(networks):
        t(f"network {number}", names(network.variables))
    pairs = zip(networks[0].variables, networks[1].variables, strict=False)
    t("pairs", [[a.name, b.name] for a, b in pairs])
    t("by a slash", names(tf.trainable_variables("worker_1/")))
    t("local", names(tf.local_variables()))
    t("local of a worker", names(tf.local_variables("worker_0")))


@program("4", "2", "12")
def towers_with_losses(tf, t):
    def tower(scope):
        with tf.variable_scope("conv1"):
            tf.get_variable("weights", [2, 2], regularizer=lambda v: tf.constant(0.5, name="l2"))
        with tf.variable_scope("softmax", regularizer=lambda v: tf.constant(0.25, name="l2")):
            tf.get_variable("weights", [2, 3])
            tf.get_variable("biases", [3], regularizer=tf.no_regularizer)
        tf.add_to_collection("losses", tf.constant(1.0, name="cross_entropy"))
        return names(tf.get_collection("losses", scope))

    with tf.device("/cpu:0"):
        step = tf.train.get_or_create_global_step()
        with tf.variable_scope(tf.get_variable_scope()):
            for i in range(3):
                with tf.device(f"/gpu:{i}"), tf.name_scope(f"tower_{i}") as scope:
                    t(f"losses {i}", tower(scope))
                    tf.get_variable_scope().reuse_variables()
    t("reuse after", tf.get_variable_scope().reuse)
    t("regularization", [loss.name for loss in tf.losses.get_regularization_losses()])
    t("variables", names(tf.global_variables()))
    t("step", step)


@program("10", "4", "9.1")
def replicas_on_parameter_servers(tf, t):
    servers = []

    def setter(next_creator, **kwargs):
        servers.append(kwargs["name"])
        return next_creator(**kwargs)

    def replica(number):
        with tf.variable_scope("model", reuse=tf.AUTO_REUSE, partitioner=tf.fixed_size_partitioner(2)) as scope:
            with tf.name_scope(f"replica_{number}"):
                embedding = tf.get_variable("embedding", [5, 2])
                with tf.variable_scope("tower", partitioner=None):
                    bias = tf.get_variable("bias", [], initializer=tf.zeros_initializer())
                count = tf.get_local_variable("count", [2], initializer=tf.zeros_initializer())
        return [embedding, bias, count, scope]

    with tf.variable_creator_scope(setter):
        t("first", replica(0))
        t("second", replica(1))
    t("servers", servers)
    t("saved", names(tf.global_variables()))
    t("local", names(tf.local_variables()))


# -- modules and optimizers ------------------------------------------------------------------------------------------


@program("11", "11.6", "11.7", "9")
def sonnet_modules(tf, t):
    class Module:
        def __init__(self, name, wrapper=None):
            self._template = tf.make_template(name, self._build, True, None, wrapper)
            self.scope_name = self._template.variable_scope.name

        def __call__(self, *args):
            return self._template(*args)

        @property
        def variables(self):
            return names(self._template.variables)

    class Linear(Module):
        def __init__(self, size, name="linear", wrapper=None):
            super().__init__(name, wrapper)
            self.size = size

        def _build(self, inputs):
            self.w = tf.get_variable("w", [inputs.shape[-1], self.size])
            self.b = tf.get_variable("b", [self.size], initializer=tf.zeros_initializer())
            return Value(inputs.shape[0], self.size)

    class Mlp(Module):
        def __init__(self, sizes, name="mlp", inside=False):
            super().__init__(name)
            self.inside, self.sizes = inside, sizes
            if not inside:
                with tf.variable_scope(self._template.variable_scope):
                    self.layers = [Linear(size, name=f"linear_{i}") for i, size in enumerate(sizes)]

        def _build(self, inputs):
            if self.inside:
                self.layers = [Linear(size) for size in self.sizes]
            for layer in self.layers:
                inputs = layer(inputs)
            return inputs

    def frozen(getter, *args, **kwargs):
        kwargs["trainable"] = False
        return getter(*args, **kwargs)

    first, second = Mlp([3, 2]), Mlp([3, 2], inside=True)
    with tf.variable_scope("agent"):
        third = Mlp([2], inside=True)
        alone = Linear(2, wrapper=frozen)
    for module in (second, first, third, alone, first, second):
        module(Value(4, 5))
    with tf.name_scope("again"):
        first(Value(4, 5))
    with t.fails("another size"):
        first(Value(4, 6))
    for label, module in {"first": first, "second": second, "third": third, "alone": alone}.items():
        t(label, [module.scope_name, module.variables])
    t("trainable", names(tf.trainable_variables()))


class Slots:
    """The variables of an optimizer: one for each variable and slot, below the variable's own name."""

    def __init__(self, tf, name, slots):
        self.tf, self.name, self.slots, self.made = tf, name, slots, {}

    def apply(self, variables, powers=()):
        tf = self.tf
        for power in powers:
            self.made[power] = tf.Variable(0.9, name=power, trainable=False)
        for variable in variables:
            for slot in self.slots:
                with tf.variable_scope(None, f"{variable.op.name}/{slot}"):
                    self.made[variable, slot] = tf.get_variable(
                        "", initializer=np.zeros(variable.shape.as_list(), np.float32), trainable=False
                    )
        with tf.name_scope(self.name):
            return tf.no_op(name="update").name


@program("7", "3.4", "1.3")
def optimizers_with_slots(tf, t):
    with tf.variable_scope("net"):
        w = tf.get_variable("w", [2])
        b = tf.get_variable("b", [], initializer=tf.zeros_initializer())
    adam = Slots(tf, "Adam", ["Adam", "Adam_1"])
    t("update", adam.apply([w, b], ["beta1_power", "beta2_power"]))
    momentum = Slots(tf, "Momentum", ["Momentum"])
    with tf.variable_scope("training"):
        t("another update", momentum.apply([w, b]))
    t("again", Slots(tf, "Adam", ["Adam"]).apply([w], ["beta1_power"]))
    t("global", names(tf.global_variables()))
    t("trained", names(tf.trainable_variables()))


@program("9", "4", "6.2")
def mixed_precision_by_a_getter(tf, t):
    def getter(
        getter, name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=True, *args, **kwargs
    ):
        kind = tf.float32 if trainable else dtype
        return getter(
            name, shape, dtype=kind, initializer=initializer, regularizer=regularizer, trainable=trainable, **kwargs
        )

    with tf.variable_scope("fp16", custom_getter=getter, dtype=tf.float16, reuse=tf.AUTO_REUSE):
        for step in range(2):
            t(f"w {step}", tf.get_variable("w", [2]))
            t(f"m {step}", tf.get_variable("m", [2], trainable=False))
            t(f"i {step}", tf.get_variable("i", [2], tf.int32, trainable=False))
    with tf.variable_scope("fp16", reuse=True):
        t("w", tf.get_variable("w"))
        with t.fails("m"):
            tf.get_variable("m")


@program("11", "4", "10", "9.1")
def a_language_model_in_templates(tf, t):
    made = []

    def creator(next_creator, **kwargs):
        variable = next_creator(**kwargs)
        made.append(variable.name)
        return variable

    def embed():
        return tf.get_variable("table", [6, 4], partitioner=tf.fixed_size_partitioner(3))

    def block(units, name):
        with tf.variable_scope(name, "block"):
            kernel = tf.get_variable("kernel", [4, units])
            with tf.variable_scope(None, "norm"):
                scale = tf.get_variable("scale", [units], initializer=tf.ones_initializer())
        return [kernel, scale]

    with tf.variable_creator_scope(creator), tf.variable_scope("lm", initializer=tf.zeros_initializer()):
        embedding = tf.make_template("embedding", embed)
        blocks = [tf.make_template("block", block, units=4, name=None) for _ in range(2)]
        head = tf.make_template("head", block, unique_name_="head_0", units=6, name="out", create_scope_now_=True)
        for step in range(2):
            with tf.name_scope(f"step_{step}"):
                t(f"embedding {step}", embedding())
                t(f"blocks {step}", [one() for one in blocks])
                t(f"head {step}", head())
    t("made", made)
    t("scopes", [one.variable_scope_name for one in (embedding, *blocks, head)])
    with t.fails("other units"):
        blocks[0](units=5)
