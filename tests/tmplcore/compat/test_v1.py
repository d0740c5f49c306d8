import importlib
import inspect

import numpy as np
import pytest

import tmplcore
import tmplcore.compat.v1 as tf
from tmplcore import checkpoint, errors
from tmplcore.compat import dtypes, initializers, losses, random, train
from tmplcore.compat import errors as tf_errors


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize(
    "module", [tf, train, losses, initializers, random, dtypes, tf_errors], ids=lambda module: module.__name__
)
def test_all_is_what_there_is(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert module.__all__ == sorted(module.__all__, key=lambda name: (name.lower(), name))
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_every_public_name_is_listed():
    public = {name for name in vars(tf) if not name.startswith("_")}
    assert public == set(tf.__all__)


def test_a_graph_is_a_store(graph):
    assert tf.Graph is tmplcore.VariableStore
    assert tf.get_default_graph() is tmplcore.get_default_store() is graph
    assert tf.Variable is tmplcore.Variable


def test_public_functions_are_documented():
    for name in tf.__all__:
        value = getattr(tf, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), name


class TestTensors:
    def test_they_work_in_expressions(self):
        c = tf.constant([1.0, 2.0])
        np.testing.assert_array_equal(c * 2 + np.ones(2), [3.0, 5.0])
        np.testing.assert_array_equal(np.exp(c), np.exp(np.array([1, 2], np.float32)))

    def test_a_shape_repeats_the_last_number(self):
        np.testing.assert_array_equal(tf.constant([1, 2], shape=[4]).numpy(), [1, 2, 2, 2])

    def test_too_many_numbers(self):
        with pytest.raises(ValueError, match="Too many elements"):
            tf.constant([1, 2, 3], shape=[2])

    def test_verify_shape(self):
        with pytest.raises(TypeError, match="shape"):
            tf.constant(1.0, shape=[2], verify_shape=True)

    def test_random_numbers_depend_on_seed_and_name(self):
        def draw(seed, name):
            with tf.Graph(seed=seed).as_default():
                return tf.random_normal([100], name=name).numpy()

        np.testing.assert_array_equal(draw(0, "a"), draw(0, "a"))
        assert (draw(0, "a") != draw(0, "b")).any()
        assert (draw(0, "a") != draw(1, "a")).any()

    def test_uniform_ints_need_a_limit(self):
        with pytest.raises(ValueError, match="maxval"):
            tf.random_uniform([2], dtype=tf.int32)
        assert tf.random_uniform([100], 2, 5, tf.int32).numpy().max() < 5

    def test_strings(self):
        assert tf.constant("text").numpy() == b"text"
        assert tf.zeros([2], tf.string).numpy().tolist() == [b"", b""]

    def test_like(self):
        c = tf.constant([1, 2])
        assert tf.zeros_like(c).dtype is tf.int32
        assert tf.ones_like(c, dtype=tf.float64).numpy().tolist() == [1.0, 1.0]

    def test_conversion_keeps_variables(self):
        v = tf.get_variable("v", [])
        assert tf.convert_to_tensor(v) is v
        with pytest.raises(ValueError, match="conversion"):
            tf.convert_to_tensor(v, dtype=tf.int32)


class TestMovingAverages:
    def test_an_update_moves_the_shadow(self):
        v = tf.get_variable("v", initializer=[1.0, 2.0])
        ema = tf.train.ExponentialMovingAverage(0.5)
        update = ema.apply([v])
        np.testing.assert_array_equal(ema.average(v).numpy(), [1.0, 2.0])
        v.assign([3.0, 2.0])
        update()
        np.testing.assert_array_equal(ema.average(v).numpy(), [2.0, 2.0])
        update.run()
        np.testing.assert_array_equal(ema.average(v).numpy(), [2.5, 2.0])

    def test_the_number_of_updates_limits_the_decay(self):
        v = tf.get_variable("v", initializer=0.0)
        step = tf.train.get_or_create_global_step()
        ema = tf.train.ExponentialMovingAverage(0.99, num_updates=step)
        update = ema.apply([v])
        v.assign(1.0)
        update()
        assert float(ema.average(v)) == pytest.approx(0.9)

    def test_zero_debias(self):
        c = tf.constant([4.0])
        ema = tf.train.ExponentialMovingAverage(0.9, zero_debias=True)
        ema.apply([c])()
        np.testing.assert_allclose(ema.average(c).numpy(), [4.0], rtol=1e-5)

    def test_the_shadow_does_not_share_memory(self):
        v = tf.get_variable("v", initializer=[1.0])
        ema = tf.train.ExponentialMovingAverage(0.5)
        ema.apply([v])
        v.value[...] = 7.0
        assert ema.average(v).numpy().tolist() == [1.0]


class TestCheckpoints:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "model.h5"
        checkpoint.save(path, {"old/w": np.arange(2, dtype=np.float32), "old/b": np.ones(3, np.float32)})
        return path

    def test_our_own_format_is_read(self, path):
        assert tf.train.list_variables(path) == [("old/b", [3]), ("old/w", [2])]
        assert tf.train.load_variable(path, "old/w:0").tolist() == [0.0, 1.0]

    def test_nothing_is_assigned_when_something_does_not_fit(self, path):
        w = tf.get_variable("new/w", [2], initializer=tf.zeros_initializer())
        tf.get_variable("new/b", [4])
        with pytest.raises(ValueError, match="doesn't match"):
            tf.train.init_from_checkpoint(path, {"old/w": "new/w", "old/b": "new/b"})
        assert w.numpy().tolist() == [0.0, 0.0]

    def test_another_dtype_is_refused(self, path):
        tf.get_variable("w", [2], dtype=tf.float64)
        with pytest.raises(errors.VariableMismatchError, match="dtype"):
            tf.train.init_from_checkpoint(path, {"old/w": "w"})

    def test_the_state_file_names_the_latest(self, path):
        (path.parent / "checkpoint").write_text('model_checkpoint_path: "model.h5"\nall_model_checkpoint_paths: "x"\n')
        assert tf.train.latest_checkpoint(path.parent) == str(path)
        assert tf.train.load_checkpoint(path.parent).has_tensor("old/w")

    def test_a_moved_directory_still_has_its_latest(self, path):
        (path.parent / "checkpoint").write_text('model_checkpoint_path: "/somewhere/else/model.h5"\n')
        assert tf.train.latest_checkpoint(path.parent) == str(path)

    @pytest.mark.parametrize("named", ["../model.h5", "sub/../../x", "gone.h5"])
    def test_the_state_file_leads_nowhere_else(self, path, named):
        inner = path.parent / "inner"
        inner.mkdir()
        (inner / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
        assert tf.train.latest_checkpoint(inner) is None

    def test_no_state_file(self, tmp_path):
        assert tf.train.latest_checkpoint(tmp_path) is None


class TestLosses:
    def test_they_follow_the_variable(self):
        v = tf.get_variable("v", initializer=2.0, regularizer=lambda v: v * 3.0)
        assert float(tf.losses.get_regularization_loss()) == 6.0
        v.assign(5.0)
        assert float(tf.losses.get_regularization_loss()) == 15.0

    def test_looking_at_one_takes_no_names(self):
        tf.get_variable("v", [], regularizer=lambda v: tf.constant(1.0, name="loss"))
        (loss,) = tf.losses.get_regularization_losses()
        assert loss.name == "v/Regularizer/loss:0"
        before = tf.get_default_graph().unique_name("loss", mark_as_used=False)
        assert float(loss) == float(loss) == 1.0
        assert tf.get_default_graph().unique_name("loss", mark_as_used=False) == before


class TestHelpers:
    def test_assigning(self):
        v = tf.get_variable("v", initializer=1.0)
        tf.assign(v, 2.0)
        tf.assign_add(v, 3.0)
        tf.assign_sub(v, 1.0)
        assert float(v) == 4.0

    def test_a_group_runs_its_ops(self):
        v = tf.get_variable("v", initializer=1.0)
        ema = tf.train.ExponentialMovingAverage(0.5)
        update = ema.apply([v])
        v.assign(3.0)
        tf.group(update, [tf.no_op()])()
        assert float(ema.average(v)) == 2.0

    def test_initializers_do_nothing(self):
        v = tf.get_variable("v", initializer=1.0)
        v.assign(5.0)
        tf.global_variables_initializer().run()
        assert float(v) == 5.0

    def test_the_seed_decides_initial_values(self):
        tf.set_random_seed(1)
        first = tf.get_variable("v", [5]).numpy().copy()
        with tf.Graph(seed=1).as_default():
            np.testing.assert_array_equal(tf.get_variable("v", [5]).numpy(), first)

    def test_import_is_of_public_modules(self):
        assert importlib.import_module("tmplcore.compat.train") is tf.train
