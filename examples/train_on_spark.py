"""Train word vectors with Spark MLlib's Word2Vec, on a text too large for one machine.

    python examples/train_on_spark.py --corpus my.txt --output vectors.txt
    python examples/train_on_spark.py --corpus "s3a://bucket/news/*.gz" --output vectors.txt \\
        --master spark://host:7077 --partitions 64 --iterations 4
    spark-submit --driver-memory 8g examples/train_on_spark.py --corpus hdfs:///news ...
    python explore.py --vectors vectors.txt paris

The text is anything that Spark reads (a file, a folder, a glob, compressed or not), with one
sentence per line and white space between the tokens, which are lower-cased. Training differs from
run.py: hierarchical softmax instead of negative sampling, no subsampling of frequent words,
sentences cut after 1,000 words, and a learning rate that falls linearly to 0. Each of several
partitions trains on its own part of the text, and after each pass their vectors are added up, so
the result depends on the cluster even with a fixed seed.

It needs pyspark and a Java runtime, which nothing else here does. Every machine holds all vectors:
words times dimension must stay below 2**31, or else --min-count has to be larger.
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

WHITE_SPACE = r"(?U)[\s\x1c-\x1f]+"  # for Java: what Python's str.split splits at
HOW_TO_INSTALL = (
    "install them with: pip install pyspark, and apt-get install default-jre-headless (or install "
    "Java 17 or newer yourself and set JAVA_HOME)"
)


def parse_options(arguments=None):
    """Return the command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Train word vectors with Spark MLlib's Word2Vec, and write them in the text "
        "format of word2vec, the most frequent word first.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--corpus", required=True, metavar="URI", help="the text, one sentence per line")
    option(
        "--output", required=True, type=Path, metavar="FILE", help="write the vectors here, as text"
    )
    option("--dimension", type=int, default=100, metavar="D", help="vector dimension (%(default)s)")
    option("--window", type=int, default=5, metavar="C", help="words on each side (%(default)s)")
    option("--min-count", type=int, default=5, metavar="N", help="ignore rarer words (%(default)s)")
    option("--step", type=float, default=0.025, help="learning rate, falls to 0 (%(default)s)")
    option(
        "--iterations", type=int, default=1, metavar="N", help="passes over the text (%(default)s)"
    )
    option("--seed", type=int, default=0, metavar="N", help="random seed (%(default)s)")
    option("--master", metavar="URL", help="the cluster (default: spark-submit's, or this machine)")
    option(
        "--partitions",
        type=int,
        default=1,
        metavar="N",
        help="parts of the text that are trained in parallel, one core each: more are faster, but "
        "less like one pass over the whole text (1)",
    )
    option("--overwrite", action="store_true", help="replace a file that is not an earlier export")
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
        problem = f"{options.output} exists and does not look like an earlier export"
        raise UserError(f"{problem}; use --overwrite to replace it")


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
    """Give a Spark session; an error of Spark becomes a UserError of one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    logging.disable(logging.ERROR)  # py4j logs a traceback of every error
    builder = SparkSession.builder.appName("word2vec").config("spark.log.level", "ERROR")
    builder.config("spark.ui.showConsoleProgress", stopping.is_terminal(sys.stderr))
    try:
        spark = (builder.master(master) if master else builder).getOrCreate()
        # Spark has installed its own handler, which raises KeyboardInterrupt.
        stopping.handle_signals(stopping.raise_stopped)
        yield spark
        spark.stop()  # after an error, it ends with this process
    except KeyboardInterrupt:
        raise stopping.Stopped(signal.SIGINT) from None
    except (PySparkException, Py4JError) as error:
        reason = str(getattr(error, "java_exception", error)).splitlines()
        raise UserError(f"Spark says: {''.join(reason[:1]) or type(error).__name__}") from error


def train(spark, options):
    """Return the words, the most frequent first, and their vectors (n, D)."""
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
    """Start Spark, train, and write the vectors."""
    check_output(options)
    check_spark()
    with spark_session(options.master) as spark:
        print(
            f"Training on {options.corpus} with Spark {spark.version}, {spark.sparkContext.master}"
        )
        words, vectors = train(spark, options)
    write_text(options.output, words, vectors)
    print(
        f"Saved {options.output.resolve()}: {len(words):,} words, {vectors.shape[1]} numbers each"
    )


if __name__ == "__main__":
    stopping.run_command("train_on_spark.py", partial(run, parse_options()))
