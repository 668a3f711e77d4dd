#!/usr/bin/env python3
"""Compares a tagger with spaCy on WNUT-17: entity F1, and the speed of prediction.

Trains the named-entity recogniser of a blank English spaCy pipeline (tok2vec and transition-based parser, spaCy's
default settings for the CPU) on the sentences that the recipe `wnut17` uses, and measures both programs on the test
part: spaCy's F1 on the tokens of the data set, and the tokens per second of both from raw text, alternately.

    pip install spacy
    python models/tagging/scripts/spacy_compare.py --data $RNN_ZOO_DATA --program target/debug/tagging

spaCy's files go to --out. Tokens are words between blanks, the same for both programs.
"""

import argparse
import gzip
import statistics
import subprocess
import time
from pathlib import Path

import spacy
from spacy.cli.init_config import init_config
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin, Span

# Validation sentences that join the training part, as in the recipe `wnut17`.
VALID_TO_TRAIN = 800
# Tokens of the text whose prediction is timed, and the number of timings.
TIMED_TOKENS, ROUNDS = 60_000, 5


def sentences(path):
    """[(tokens, [(start, end, kind)])] of a file in BIO2 columns."""
    result, rows = [], []
    for line in [*gzip.open(path, "rt", encoding="utf-8"), ""]:
        fields = line.split()
        if len(fields) == 2:
            rows.append(fields)
        elif rows:
            result.append(([token for token, _ in rows], spans([tag for _, tag in rows])))
            rows = []
    return result


def spans(tags):
    """The entities of BIO2 tags as (start, end, kind)."""
    found = []
    for index, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((index, index + 1, tag[2:]))
        elif tag.startswith("I-"):
            start, _, kind = found.pop()
            found.append((start, index + 1, kind))
    return found


def save(vocab, examples, path):
    """Writes sentences in spaCy's format, with the tokens of the data set."""
    docs = DocBin()
    for tokens, entities in examples:
        doc = Doc(vocab, words=tokens)
        doc.ents = [Span(doc, start, end, label=kind) for start, end, kind in entities]
        docs.add(doc)
    docs.to_disk(path)


def trained(parts, out):
    """spaCy's pipeline, trained with its default settings for the CPU."""
    out.mkdir(parents=True, exist_ok=True)
    vocab = spacy.blank("en").vocab
    for name in ("train", "valid"):
        save(vocab, parts[name], out / f"{name}.spacy")
    init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False).to_disk(out / "config.cfg")
    paths = {"paths.train": str(out / "train.spacy"), "paths.dev": str(out / "valid.spacy")}
    train(out / "config.cfg", out / "model", overrides=paths)
    return spacy.load(out / "model" / "model-best")


def scores(pipeline, examples):
    """Precision, recall and F1 of entities by exact span and kind."""
    gold = predicted = correct = 0
    for tokens, entities in examples:
        doc = Doc(pipeline.vocab, words=tokens)
        for _, component in pipeline.pipeline:
            doc = component(doc)
        found = {(entity.start, entity.end, entity.label_) for entity in doc.ents}
        gold, predicted, correct = gold + len(entities), predicted + len(found), correct + len(found & set(entities))
    return correct / max(predicted, 1), correct / gold, 2 * correct / (gold + predicted)


def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def speeds(pipeline, command, texts, out):
    """{name: tokens per second}: the median of alternate timings. The programs' start-up time does not count."""
    file, one = out / "texts.txt", out / "one.txt"
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    one.write_text(texts[0] + "\n", encoding="utf-8")

    def program(path, piped):
        arguments = [] if piped else ["--file", path]
        with open(path, "rb") as text:
            subprocess.run([*command, *arguments], stdin=text, stdout=subprocess.DEVNULL, check=True)

    actions = {
        "tagging, batch 1": lambda: seconds(lambda: program(file, True)) - seconds(lambda: program(one, True)),
        "spaCy, batch 1": lambda: seconds(lambda: [pipeline(text) for text in texts]),
        "tagging, batch 32": lambda: seconds(lambda: program(file, False)) - seconds(lambda: program(one, False)),
        "spaCy, batch 32": lambda: seconds(lambda: list(pipeline.pipe(texts, batch_size=32))),
    }
    times = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            times[name].append(action())
    tokens = sum(len(text.split()) for text in texts)
    return {name: tokens / statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data folder with ner/*.gz")
    parser.add_argument("--program", default="target/debug/tagging", help="the program `tagging`")
    parser.add_argument("--model", default="wnut17", help="its model")
    parser.add_argument("--out", type=Path, default=Path("runs/spacy"), help="folder for spaCy's files")
    arguments = parser.parse_args()
    names = {"train": "wnut17train.conll.gz", "valid": "emerging.dev.conll.gz", "test": "emerging.test.annotated.gz"}
    parts = {part: sentences(arguments.data / "ner" / name) for part, name in names.items()}
    parts["train"] += parts["valid"][:VALID_TO_TRAIN]
    parts["valid"] = parts["valid"][VALID_TO_TRAIN:]
    pipeline = trained(parts, arguments.out)
    print("spaCy {}: precision {:.4f}, recall {:.4f}, F1 {:.4f}".format(spacy.__version__, *scores(pipeline, parts["test"])))
    texts = [" ".join(tokens) for tokens, _ in parts["test"]]
    texts *= 1 + TIMED_TOKENS // sum(len(text.split()) for text in texts)
    command = [arguments.program, "predict", "--json", "--model", arguments.model]
    for name, speed in speeds(pipeline, command, texts, arguments.out).items():
        print(f"{name}: {speed:,.0f} tokens per second")


if __name__ == "__main__":
    main()
