"""The main job, on a real checkpoint of TensorFlow 1: `make demo`.

Every step is a command, printed before it runs. To run one alone: in examples/g2p, with .venv/bin on your PATH.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = HERE / "run"

STEPS = [
    (
        "Import the checkpoint that TensorFlow wrote, without TensorFlow:",
        "tmplctl convert g2p_infer_v2/model.ckpt run/imported.h5",
    ),
    ("Keep it as the first HDF5 checkpoint of a training run:", "tmplctl save run/imported.h5 --tag imported"),
    ("What checkpoints are there?", "tmplctl list"),
    ("What is in it?", "tmplctl show latest"),
    ("Restore it into the HDF5 file that the model's variables live in:", "tmplctl restore latest"),
    ("Run the model on them:", "python pronounce.py template hello numpy"),
]


def main():
    shutil.rmtree(RUN, ignore_errors=True)  # what an earlier demo left
    RUN.mkdir()
    environment = {**os.environ, "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")}
    print(f"$ cd {shlex.quote(os.path.relpath(HERE))}", flush=True)
    for why, command in STEPS:
        print(f"\n# {why}\n$ {command}", flush=True)
        done = subprocess.run(shlex.split(command), cwd=HERE, env=environment, check=False)
        if done.returncode:
            sys.exit(f"\nThe demo stopped: the last command failed with exit code {done.returncode}.")
    print(f"\nAll of it is in {os.path.relpath(RUN)}. More: examples/g2p/README.md and docs/tutorials/first-steps.md")


if __name__ == "__main__":
    main()
