"""Every bundled getter against the contract that outsiders use."""

from tmpl_getters import Cast, Chain, Ema, Freeze, Lora, Override, Rename, Router, Switch
from tmplcore.testing.getter import GetterContract


class TestEma(GetterContract):
    plugin, options, wrong_options = "ema", {"decay": 0.5}, {"decay": "much"}

    def make(self):
        return Ema(0.5)


class TestFreeze(GetterContract):
    plugin, wrong_options = "freeze", {"pattern": ["*"]}

    def make(self):
        return Freeze()


class TestCast(GetterContract):
    plugin, options, wrong_options = "cast", {"read": "float16"}, {"read": "int8"}

    def make(self):
        return Cast("float16")


class TestCastToBfloat16(GetterContract):
    def make(self):
        return Cast("bfloat16")


class TestLora(GetterContract):
    plugin, options, wrong_options = "lora", {"rank": 2}, {"rank": -1}

    def make(self):
        return Lora(rank=2)


class TestOverride(GetterContract):
    plugin, options, wrong_options = "override", {"trainable": False}, {"name": "x"}

    def make(self):
        return Override(trainable=False)


class TestRename(GetterContract):
    plugin, options, wrong_options = "rename", {"rules": {"x": "y"}}, {"rules": {"(": "y"}}

    def make(self):
        return Rename({"x": "y"})


class TestRouter(GetterContract):
    def make(self):
        return Router({"*/w": Freeze(), "*/still": None}, default=Ema())


class TestChain(GetterContract):
    def make(self):
        return Chain(Cast("float16"), Lora(rank=2), Ema())


class TestSwitch(GetterContract):
    def make(self):
        return Switch(Freeze())
