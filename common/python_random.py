"""Convert states between Python's `random` and NumPy's MT19937, which are the same generator.

Both are the Mersenne Twister of Matsumoto and Nishimura (1998). The same state gives the same
32-bit outputs, so NumPy can draw in bulk what `random` would have drawn one by one:

    bit_generator = to_numpy(random.getstate())
    ...                                     # draw in bulk from bit_generator
    random.setstate(to_python(bit_generator, random.getstate()))
"""

import contextlib
import random

import numpy as np

STATE_VERSION = 3  # the version of `random.getstate()` since Python 2.6


def to_numpy(state):
    """Return a NumPy bit generator that continues from a `random.getstate()` tuple."""
    version, internal, _ = state
    if version != STATE_VERSION:
        raise ValueError(f"state of random has version {version}, expected {STATE_VERSION}")
    bit_generator = np.random.MT19937()
    bit_generator.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.array(internal[:-1], dtype=np.uint32), "pos": internal[-1]},
    }
    return bit_generator


def to_python(bit_generator, state):
    """Return the `random.getstate()` tuple of a bit generator that was made from `state`.

    The third part of `state`, a spare normal deviate of `random.gauss`, is kept as it is: drawing
    32-bit outputs does not touch it.
    """
    now = bit_generator.state["state"]
    return (STATE_VERSION, (*now["key"].tolist(), now["pos"]), state[2])


@contextlib.contextmanager
def random_restored():
    """Leave `random` and `numpy.random` at the end of the block as they were at its beginning."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
