"""Letters to phonemes: a bidirectional GRU reads a word, another one with attention says it.

Written like the TensorFlow 1.3 program that trained it (g2p_en 1.0.0). The scopes make the variables' names, so they
are those of the original checkpoint. The mathematics is the array API standard's: the same file runs wherever the
variables are.
"""

import string

from array_api_compat import array_namespace

from tmplcore import get_variable, initializers, make_template, variable_scope

LETTERS = ["P", "E", "U", *string.ascii_lowercase]  # padding, end of the word, unknown, a to z
PHONEMES = """
    <PAD> <EOS> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1
    ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW
    UW0 UW1 UW2 V W Y Z ZH
""".split()
LENGTH = 20  # letters of a word with its end, and phonemes of its pronunciation
UNITS = 128


def linear(x, units, use_bias=False, bias=0.0):
    """Multiply by the variable `kernel`, and add the variable `bias`."""
    kernel = get_variable("kernel", [x.shape[-1], units])
    y = x @ kernel
    if use_bias:
        y = y + get_variable("bias", [units], initializer=initializers.Constant(bias))
    return y


def gru(x, state):
    """One step of a gated recurrent unit."""
    xp = array_namespace(x)
    with variable_scope("gates"):
        gates = linear(xp.concat([x, state], axis=-1), 2 * UNITS, use_bias=True, bias=1.0)
    gates = 1 / (1 + xp.exp(-gates))
    reset, update = gates[:, :UNITS], gates[:, UNITS:]
    with variable_scope("candidate"):
        candidate = xp.tanh(linear(xp.concat([x, reset * state], axis=-1), UNITS, use_bias=True))
    return update * state + (1 - update) * candidate


def encode(letters, valid):
    """Read a word in both directions; what is past its end changes nothing and leaves zeros.

    Args:
        letters: One-hot letters, [batch, time, letters].
        valid: 1 for letters of the word and its end, 0 behind, [batch, time, 1].
    """
    xp = array_namespace(letters)
    directions = []
    for scope, order in [("fw", 1), ("bw", -1)]:
        with variable_scope(scope):
            cell = make_template("gru_cell", gru)
            state = xp.zeros((letters.shape[0], UNITS), dtype=letters.dtype)
            states = []
            for time in range(LENGTH)[::order]:
                here = valid[:, time]
                state = here * cell(letters[:, time], state) + (1 - here) * state
                states.append(here * state)
        directions.append(xp.stack(states[::order], axis=1))
    return xp.concat(directions, axis=-1)


def attend(query, keys, memory, valid):
    """Look at the memory where keys go with the query (Bahdanau et al., 2015)."""
    xp = array_namespace(query)
    with variable_scope("query_layer"):
        query = linear(query, UNITS)
    weights = get_variable("attention_v", [UNITS])
    scores = xp.sum(xp.tanh(keys + query[:, None, :]) * weights, axis=-1, keepdims=True)
    scores = xp.exp(scores - xp.max(scores, axis=1, keepdims=True)) * valid
    return xp.sum(memory * scores / xp.sum(scores, axis=1, keepdims=True), axis=1)


def decode_step(phoneme, attention, state, keys, memory, valid):
    """Go from one phoneme to the next; return the new attention and state."""
    xp = array_namespace(phoneme)
    with variable_scope("attention_wrapper"):
        with variable_scope("gru_cell"):
            state = gru(xp.concat([phoneme, attention], axis=-1), state)
        with variable_scope("bahdanau_attention"):
            context = attend(state, keys, memory, valid)
        with variable_scope("attention_layer"):
            attention = linear(xp.concat([state, context], axis=-1), UNITS)
    return attention, state


def one_hot(ids, depth, dtype):
    """Return a one at each id's place, zeros elsewhere."""
    xp = array_namespace(ids)
    return xp.astype(ids[..., None] == xp.arange(depth), dtype)


def letters_to_phonemes():
    """Return the model: a function of letter ids, [batch, 20], whose variables appear at its first call.

    It returns the logits, [batch, 20, phonemes], and the ids of the most probable phonemes, [batch, 20].
    """
    encoder = make_template("bidirectional_rnn", encode)
    memory_layer = make_template("memory_layer", linear, units=UNITS)
    decoder = make_template("rnn", decode_step)
    dense = make_template("dense", linear, units=len(PHONEMES), use_bias=True)

    def model(letters):
        xp = array_namespace(letters)
        valid = xp.astype(letters != 0, xp.float32)[..., None]
        memory = encoder(one_hot(letters, len(LETTERS), xp.float32), valid)
        keys = memory_layer(memory)
        phoneme = xp.zeros((letters.shape[0],), dtype=letters.dtype)
        attention = state = xp.zeros((letters.shape[0], UNITS), dtype=xp.float32)
        logits, phonemes = [], []
        for _ in range(LENGTH):
            spoken = one_hot(phoneme, len(PHONEMES), xp.float32)
            attention, state = decoder(spoken, attention, state, keys, memory, valid)
            logits.append(dense(attention))
            phoneme = xp.astype(xp.argmax(logits[-1], axis=-1), letters.dtype)
            phonemes.append(phoneme)
        return xp.stack(logits, axis=1), xp.stack(phonemes, axis=1)

    return model


def build():
    """Make all variables of the checkpoint; return the model and the namespace of the variables' array library."""
    step = get_variable("global_step", [], dtype="int32", initializer=initializers.Zeros(), trainable=False)
    xp = array_namespace(step.value)
    model = letters_to_phonemes()
    model(xp.asarray([spell("a")], dtype=xp.int32))
    return model, xp


def spell(word):
    """Return the ids of a word's letters, its end, and the padding behind.

    Example:
        >>> spell("no")[:4]
        [16, 17, 1, 0]
    """
    if len(word) >= LENGTH:
        raise ValueError(f"{word!r} has {len(word)} letters; the model was trained for {LENGTH - 1} at most")
    ids = [LETTERS.index(letter) if letter in LETTERS[3:] else 2 for letter in word.lower()]
    return [*ids, 1, *[0] * (LENGTH - 1 - len(ids))]


def say(ids):
    """Return the phonemes up to the end.

    Example:
        >>> say([46, 48, 1, 0, 0])
        'N OW0'
    """
    ids = [int(one) for one in ids]
    return " ".join(PHONEMES[one] for one in ids[: ids.index(1) if 1 in ids else None])
