"""Train word vectors on a text that no machine holds, by Spark MLlib's Word2Vec.

    python examples/train_on_spark.py --corpus my.txt --output vectors.txt
    python examples/train_on_spark.py --corpus "s3a://bucket/news/*.gz" --output vectors.txt \\
        --master spark://host:7077 --partitions 64 --iterations 4
    spark-submit --driver-memory 8g examples/train_on_spark.py --corpus hdfs:///news ...
    python neighbours.py --vectors vectors.txt --most-frequent 10000 paris

The text is any that Spark reads (a file, a folder, a glob, packed or not), a sentence a line; as in
run.py, tokens are what stands between white space, lower-cased. What differs from run.py: skip-gram
with hierarchical softmax instead of negative sampling; frequent words are not subsampled; a
sentence is cut after 1,000 words; the step falls linearly to nothing. With several partitions each
trains on its own part of the text, and after each pass their vectors are added up, so that the
result depends on the cluster, whatever the seed.

It needs pyspark and a Java runtime, which nothing else here does. The vectors are on each machine
as a whole: words times dimension must stay below 2**31, or else --min-count has to be larger.
"""

import argparse
import contextlib
import logging
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from common import stopping
from common.files import check_writable
from common.stopping import UserError
from common.vectors import is_export, write_text

WHITE_SPACE = r"(?U)[\s\x1c-\x1f]+"  # in Java's words, that of Python's str.split
HOW_TO_INSTALL = (
    "install them with: pip install pyspark, and apt-get install default-jre-headless (or a Java "
    "17 or newer from elsewhere, with JAVA_HOME saying where)"
)


def parse_options(arguments=None):
    """The command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Train word vectors by Spark MLlib's Word2Vec, and write them as text of "
        "word2vec, the most frequent word first.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--corpus", required=True, metavar="URI", help="what Spark reads, a sentence a line")
    option("--output", required=True, type=Path, metavar="FILE", help="for the vectors, as text")
    option("--dimension", type=int, default=100, metavar="D", help="of the vectors (%(default)s)")
    option("--window", type=int, default=5, metavar="C", help="words on a side (%(default)s)")
    option("--min-count", type=int, default=5, metavar="N", help="drop rarer words (%(default)s)")
    option("--step", type=float, default=0.025, help="falls to 0 by the end (%(default)s)")
    option("--iterations", type=int, default=1, metavar="N", help="over the text (%(default)s)")
    option("--seed", type=int, default=0, metavar="N", help="(%(default)s)")
    option("--master", metavar="URL", help="the cluster (spark-submit's, or else this machine)")
    option(
        "--partitions",
        type=int,
        default=1,
        metavar="N",
        help="parts that are trained on side by side, a core each: the more, the faster and the "
        "less like one pass over the whole; Spark advises at least as many as iterations (1)",
    )
    option("--overwrite", action="store_true", help="an output file that is no earlier export")
    options = parser.parse_args(arguments)
    for name in ("dimension", "window", "min_count", "iterations", "partitions"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name.replace('_', '-')}: must be at least 1")
    if not 0 < options.step < float("inf"):
        parser.error("argument --step: must be a positive number")
    return options


def check_output(options):
    """Raise UserError if the output cannot be written, or would overwrite what is no export."""
    try:
        check_writable(options.output)
    except OSError as error:
        raise UserError(f"cannot write {options.output}: {error.strerror}") from None
    if options.output.exists() and not options.overwrite and not is_export(options.output):
        raise UserError(f"{options.output} exists and holds no vectors of ours; see --overwrite")


def check_spark():
    """Raise UserError if pyspark or Java is not there."""
    try:
        import pyspark.sql  # noqa: F401
    except ImportError:
        raise UserError(f"pyspark and a Java runtime are needed; {HOW_TO_INSTALL}") from None
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise UserError(f"pyspark is here, but no Java runtime; {HOW_TO_INSTALL}")


@contextlib.contextmanager
def spark_session(master):
    """A Spark session; what goes wrong in Spark becomes a UserError of one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    logging.disable(logging.ERROR)  # py4j would log a traceback of what is told in a line below
    builder = SparkSession.builder.appName("word2vec").config("spark.log.level", "ERROR")
    builder.config("spark.ui.showConsoleProgress", stopping.is_terminal(sys.stderr))
    try:
        spark = (builder.master(master) if master else builder).getOrCreate()
        # Spark has set a handler of its own, which raises KeyboardInterrupt.
        stopping.handle_signals(stopping.raise_stopped)
        yield spark
        spark.stop()  # after trouble, it ends with this process
    except KeyboardInterrupt:
        raise stopping.Stopped(signal.SIGINT) from None
    except (PySparkException, Py4JError) as error:
        lines = str(error).splitlines()
        is_preface = len(lines) > 1 and lines[0].startswith("An error occurred while calling")
        raise UserError(f"Spark says: {lines[is_preface].lstrip(': ')}") from error


def train(spark, options):
    """Words, the most frequent first, and their vectors (n, D)."""
    from pyspark.ml.feature import Word2Vec
    from pyspark.sql import functions as sql

    lines = spark.read.text(options.corpus)
    words = sql.split(sql.lower("value"), WHITE_SPACE)
    sentences = lines.select(sql.array_remove(words, "").alias("words"))
    counts = sentences.select(sql.explode("words").alias("word")).groupBy("word").count()
    counts = counts.where(counts["count"] >= options.min_count)
    if counts.isEmpty():
        times = f" that occur {options.min_count} times" if options.min_count > 1 else ""
        raise UserError(f"{options.corpus} has no words{times}; see --min-count")
    model = Word2Vec(
        inputCol="words",
        vectorSize=options.dimension,
        windowSize=options.window,
        minCount=options.min_count,
        stepSize=options.step,
        maxIter=options.iterations,
        numPartitions=options.partitions,
        seed=options.seed,
    ).fit(sentences)
    ranked = model.getVectors().join(counts, "word").orderBy(sql.desc("count"), "word").collect()
    return [row.word for row in ranked], np.array([row.vector.toArray() for row in ranked])


def run(options):
    """Do it all: start Spark, train, write."""
    check_output(options)
    check_spark()
    with spark_session(options.master) as spark:
        print(f"Training on {options.corpus} by Spark {spark.version}, {spark.sparkContext.master}")
        words, vectors = train(spark, options)
    write_text(options.output, words, vectors)
    print(
        f"Saved {options.output.resolve()}: {len(words):,} words, {vectors.shape[1]} numbers each"
    )


if __name__ == "__main__":
    stopping.run_command("train_on_spark.py", partial(run, parse_options()))
