"""Moving averages: the numbers that TensorFlow has."""

import json
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tests.plugins.tmpl_getters.models import number, variables
from tmpl_getters import Cast, Chain, Ema
from tmplcore import checkpoint
from tmplcore.errors import InvalidArgumentError, InvalidTypeError
from tmplcore.initializers import Ones

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "getters" / "ema.json").read_text())


class TestEma:
    @pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda c: f"{c['dtype']}-{c['decay']}-{c['warm_up']}")
    def test_the_numbers_are_those_of_tensorflow_bit_for_bit(self, store, case):
        dtype = np.dtype(getattr(ml_dtypes, case["dtype"], case["dtype"]))
        if store.backend.name == "jax" and dtype == np.float64:
            pytest.skip("JAX computes in 32 bits unless told otherwise")

        def value(text):
            return np.frombuffer(bytes.fromhex(text), dtype).reshape(3, 4)

        averages = Ema(case["decay"])
        with tmplcore.variable_scope("model", custom_getter=averages):
            w = tmplcore.get_variable("w", initializer=value(case["start"]), dtype=dtype)
        got = [averages.average(w).numpy().tobytes().hex()]
        for step, target in enumerate(case["targets"]):
            w.assign(value(target))
            averages.update(step if case["warm_up"] else None)
            got.append(averages.average(w).numpy().tobytes().hex())
        assert got == case["shadows"]

    def test_names_and_collections_are_those_of_tensorflow(self, store):
        names = RECORDED["cases"][0]["names"]
        averages = Ema(0.5)
        with tmplcore.variable_scope("model", custom_getter=averages):
            w = tmplcore.get_variable("w", [3, 4])
            tmplcore.get_variable("frozen", [2], trainable=False)
        assert averages.average_name(w) == names["average_name"]
        for key in ("trainable_variables", "moving_average_variables"):
            assert [v.name for v in store.get_collection(key)] == names[key]
        assert sorted(v.name for v in store.get_collection("variables")) == sorted(names["global_variables"])
        restored = {name: f"{target}:0" for name, target in averages.restore_names().items()}
        assert restored.items() <= names["variables_to_restore"].items()

    def test_reading_averages_is_a_matter_of_the_thread(self, store):
        averages = Ema(0.0)
        net = tmplcore.make_template(
            "net", lambda: tmplcore.get_variable("w", initializer=1.0), custom_getter_=averages
        )
        net().assign(5.0)
        seen = []

        def elsewhere():
            with store.as_default():
                seen.append(net().op.name)

        with averages.read():
            assert net().op.name == "net/w/ExponentialMovingAverage"
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        assert seen == ["net/w"]
        assert float(net().numpy()) == 5.0

    def test_averages_join_a_model_that_is_there_already(self, store):
        averages = Ema(enabled=False)
        net = tmplcore.make_template(
            "net", lambda: tmplcore.get_variable("w", initializer=1.0), custom_getter_=averages
        )
        w = net()
        w.assign(4.0)
        with averages.on():
            net()
        assert float(averages.average(w).numpy()) == 4.0
        assert variables(store) == ["net/w", "net/w/ExponentialMovingAverage"]

    def test_partitions_are_averaged_apart_and_read_as_one(self, store):
        averages = Ema(0.5)
        arguments = {"partitioner": tmplcore.fixed_size_partitioner(2), "initializer": Ones()}
        with tmplcore.variable_scope("m", custom_getter=averages, reuse=tmplcore.AUTO_REUSE):
            whole = tmplcore.get_variable("w", [3, 2], **arguments)
            for part in whole:
                part.assign(part.numpy() + 2)
            averages.update()
            with averages.read():
                assert number(tmplcore.get_variable("w", [3, 2], **arguments)).tolist() == [[2, 2]] * 3
        assert "m/w/part_1/ExponentialMovingAverage" in variables(store)

    def test_what_cannot_work_says_so(self):
        with pytest.raises(InvalidArgumentError, match="decay of 2"):
            Ema(2)
        with tmplcore.VariableStore().as_default():
            with pytest.raises(InvalidArgumentError, match="no variable of this store has an average"):
                Ema().update()
            with tmplcore.variable_scope("m", custom_getter=Chain(Ema(), Cast("float16"))):
                with pytest.raises(InvalidTypeError, match="only variables are averaged"):
                    tmplcore.get_variable("w", [2])

    def test_num_updates_may_be_a_variable(self, store):
        step = tmplcore.Variable(0, trainable=False, name="step")
        averages = Ema(0.999, num_updates=step)
        with tmplcore.variable_scope("m", custom_getter=averages):
            w = tmplcore.get_variable("w", initializer=0.0)
        w.assign(1.0)
        averages.update()
        assert float(averages.average(w).numpy()) == pytest.approx(0.9)

    def test_an_evaluation_runs_on_averages_without_the_getter(self, store, tmp_path):
        averages = Ema(0.5)
        with tmplcore.variable_scope("m", custom_getter=averages):
            tmplcore.get_variable("w", initializer=0.0).assign(2.0)
        averages.update()
        checkpoint.save(tmp_path / "c.h5", store)
        fresh = tmplcore.VariableStore()
        with fresh.as_default(), tmplcore.variable_scope("m"):
            w = tmplcore.get_variable("w", initializer=0.0)
        checkpoint.restore(
            tmp_path / "c.h5", fresh, include="*/ExponentialMovingAverage", rename=averages.restore_names()
        )
        assert float(w.numpy()) == 1.0
