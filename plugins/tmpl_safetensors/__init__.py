"""Plugin: safetensors."""
