"""The assignment's constants that several modules need.

word2vec.py and sgd.py also work alone, in the course's scaffold, so they have their own copies.
"""

BATCH_SIZE = 50  # windows in a minibatch
NEGATIVES = 10  # K, the default of negSamplingLossAndGradient
PRINT_EVERY = 10  # iterations between two updates of the smoothed loss
SMOOTHING = 0.95  # weight of the old loss in the smoothed one
SAVE_EVERY = 5000  # iterations between two checkpoints
ANNEAL_EVERY = 20000  # iterations after which the learning rate is halved
UNKNOWN = "UNK"  # the last token of every vocabulary, counted once

DATA_SEED = 314  # seed of `random` before the data is read
SEED = 31415  # seed of `random` before the training
NUMPY_SEED = 9265  # seed of `numpy.random` for the initial vectors
