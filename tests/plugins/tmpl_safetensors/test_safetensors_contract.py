"""safetensors keeps the contract of every format."""

from tmpl_safetensors.format import SafetensorsFormat
from tmplcore.checkpoint.format import Format
from tmplcore.testing.format import PLAIN, FormatContract


class TestSafetensors(FormatContract):
    dtypes = (*PLAIN, "bool", "complex64", "bfloat16", "float8_e4m3fn", "float8_e5m2")

    def format(self) -> Format:
        return SafetensorsFormat()
