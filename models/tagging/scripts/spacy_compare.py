"""Compares a tagger with spaCy on WNUT-17: entity F1, and the speed of prediction.

Trains the entity recognizer of a blank English spaCy pipeline (tok2vec and transition-based parser, the settings that
`spacy init config --optimize efficiency` writes, without word vectors) on the sentences that the recipe `wnut17` uses.
Prints its scores on the tokens of the test part. Then measures the tokens per second of spaCy and of the program
`tagging` from raw text, alternately. spaCy uses one thread.

    pip install spacy==3.8.18
    OMP_NUM_THREADS=1 python models/tagging/scripts/spacy_compare.py --tagging target/debug/tagging

spaCy's files go to --out. A pipeline that is already there is not trained again. For the speed, the tokens of both
programs are the words between blanks.
"""

import argparse
import gzip
import os
import statistics
import subprocess
import time
from functools import partial
from itertools import groupby
from pathlib import Path

import spacy
from spacy.cli.init_config import init_config
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training import Example

FILES = {"train": "wnut17train.conll.gz", "dev": "emerging.dev.conll.gz", "test": "emerging.test.annotated.gz"}
VALID_TO_TRAIN = 800  # validation sentences that join the training part, as in the recipe `wnut17`
TIMED_TOKENS, ROUNDS = 60_000, 5  # approximate size of the text whose prediction is timed, and number of timings


def sentences(path):
    """The sentences of a file in BIO2 columns, with the tokens of the file."""
    vocab, docs = spacy.blank("en").vocab, []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for filled, rows in groupby(lines, lambda line: bool(line.strip())):
            if filled:
                tokens, tags = zip(*(row.split() for row in rows))
                docs.append(Doc(vocab, words=tokens, ents=tags))
    return docs


def trained(parts, out):
    """The pipeline in `out`, trained if it is absent."""
    if not (out / "model-best").exists():
        out.mkdir(parents=True, exist_ok=True)
        overrides = {f"paths.{part}": str(out / f"{part}.spacy") for part in ("train", "dev")}
        for part in ("train", "dev"):
            DocBin(docs=parts[part]).to_disk(overrides[f"paths.{part}"])
        init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False).to_disk(out / "config.cfg")
        train(out / "config.cfg", out, overrides=overrides)
    return spacy.load(out / "model-best")


def scores(pipeline, docs):
    """Precision, recall and F1 of entities by exact span and kind."""
    blank = [Doc(pipeline.vocab, words=[token.text for token in doc]) for doc in docs]
    result = pipeline.evaluate(list(map(Example, blank, docs)))
    return result["ents_p"], result["ents_r"], result["ents_f"]


def spacy_seconds(pipeline, texts, batch):
    """The time of spaCy's prediction."""
    start = time.perf_counter()
    for _ in pipeline.pipe(texts, batch_size=batch) if batch > 1 else map(pipeline, texts):
        pass
    return time.perf_counter() - start


def tagging_seconds(command, path, texts, batch):
    """The time of the program's prediction, without its start-up. The program reads the texts from `path`: line by
    line as its standard input, or in batches of 32 as its `--file`."""

    def seconds(lines):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        arguments = ["--file", path] if batch > 1 else []
        with path.open("rb") as text:
            start = time.perf_counter()
            subprocess.run([*command, *arguments], stdin=text, stdout=subprocess.DEVNULL, check=True)
            return time.perf_counter() - start

    return seconds(texts) - seconds(texts[:1])


def print_speeds(programs, texts):
    """Prints the median, the lowest and the highest speed of alternate timings."""
    times = {(name, batch): [] for name in programs for batch in (1, 32)}
    for _ in range(ROUNDS):
        for name, batch in times:
            times[name, batch].append(programs[name](texts, batch))
    tokens = sum(len(text.split()) for text in texts)
    for (name, batch), values in times.items():
        median, lowest, highest = (tokens / pick(values) for pick in (statistics.median, max, min))
        print(f"{name}, batch {batch}: {median:,.0f} tokens per second ({lowest:,.0f} to {highest:,.0f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("RNN_ZOO_DATA")
    parser.add_argument("--data", type=Path, default=data, required=not data, help="data folder [$RNN_ZOO_DATA]")
    parser.add_argument("--tagging", default="target/debug/tagging", help="the program `tagging`")
    parser.add_argument("--model", default="wnut17", help="its model: a name, a run folder or a package folder")
    parser.add_argument("--out", type=Path, default=Path("runs/spacy"), help="folder for spaCy's files")
    arguments = parser.parse_args()
    parts = {part: sentences(arguments.data / "ner" / name) for part, name in FILES.items()}
    parts["train"] += parts["dev"][:VALID_TO_TRAIN]
    parts["dev"] = parts["dev"][VALID_TO_TRAIN:]
    pipeline = trained(parts, arguments.out)
    precision, recall, f1 = scores(pipeline, parts["test"])
    print(f"spaCy {spacy.__version__}: precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}")
    programs = {"spaCy": partial(spacy_seconds, pipeline)}
    for threads in (1, 2):
        command = [arguments.tagging, "predict", "--json", "--model", arguments.model, "--threads", str(threads)]
        programs[f"tagging, --threads {threads}"] = partial(tagging_seconds, command, arguments.out / "texts.txt")
    texts = [" ".join(token.text for token in doc) for doc in parts["test"]]
    print_speeds(programs, texts * round(TIMED_TOKENS / sum(len(text.split()) for text in texts)))


if __name__ == "__main__":
    main()
