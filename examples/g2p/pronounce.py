"""Say words with the variables that `tmplctl restore` put into the working file.

python pronounce.py template numpy
python pronounce.py --checkpoint g2p_infer_v2/model.ckpt --backend torch template
"""

import argparse

import model

import tmplcore.checkpoint
import tmplcore.config
from tmplcore import VariableStore


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="WORD")
    parser.add_argument("--checkpoint", help="take the variables from a checkpoint instead of the working file")
    parser.add_argument("--backend", help="where they live then: numpy (the default), torch, jax", default="numpy")
    arguments = parser.parse_args()
    try:
        letters = [model.spell(word) for word in arguments.words]
    except ValueError as error:
        parser.error(str(error))
    store = VariableStore(arguments.backend) if arguments.checkpoint else tmplcore.config.load().store()
    with store.as_default():
        g2p, xp = model.build()
        if arguments.checkpoint:
            tmplcore.checkpoint.restore(arguments.checkpoint, store)
        elif not any(variable.op.name == "global_step" and variable.numpy() for variable in store.variables):
            parser.error("the working file has no trained variables yet; run: tmplctl restore latest")
        _, phonemes = g2p(xp.asarray(letters, dtype=xp.int32))
    for word, ids in zip(arguments.words, phonemes, strict=True):
        print(word, "→", model.say(ids))
    store.backend.close()


if __name__ == "__main__":
    main()
