"""Writes tests/fixtures/seqeval.json: tag sequences, and the precision, recall and F1 that seqeval gives for them.

    pip install seqeval==1.2.2
    python models/tagging/scripts/seqeval_fixture.py > models/tagging/tests/fixtures/seqeval.json

seqeval counts entities as conlleval does, the script of CoNLL-2000 and CoNLL-2003. The tags are random, so that most
sequences break their scheme. A case of the result:

    gold, predicted             the tags of each sentence, separated by blanks
    micro                       precision, recall, F1 and the number of true entities
    kinds                       the same for each kind of entity
"""

import json
import random
import warnings

from seqeval.metrics import classification_report
from seqeval.metrics.sequence_labeling import get_entities

KINDS = ["group", "person", "place"]


def tags(prefixes, length, rng):
    """Random tags, of which about a third are outside of entities."""
    entity = lambda: f"{rng.choice(prefixes)}-{rng.choice(KINDS)}"
    return [entity() if rng.random() < 0.65 else "O" for _ in range(length)]


def noisy(sentence, prefixes, rng):
    """The tags with some of them replaced."""
    return [new if rng.random() < 0.2 else old for old, new in zip(sentence, tags(prefixes, len(sentence), rng))]


def scores(gold, predicted):
    """The scores that seqeval gives for tags of sentences."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about undefined scores, which count as 0
        report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    row = lambda name: [float(report[name][key]) for key in ["precision", "recall", "f1-score"]] + [
        int(report[name]["support"])
    ]
    found = {kind for sentences in (gold, predicted) for kind, _, _ in get_entities(sentences)}
    return {"micro": row("micro avg"), "kinds": {kind: row(kind) for kind in sorted(found)}}


def main():
    rng = random.Random(0)
    pairs = []
    for prefixes, sentences in [("BI", 8), ("BIES", 20)]:
        gold = [tags(prefixes, rng.randint(1, 12), rng) for _ in range(sentences)]
        pairs.append((gold, [noisy(sentence, prefixes, rng) for sentence in gold]))
    pairs += [
        ([["B-person", "I-person", "O"]], [["B-person", "I-person", "O"]]),
        ([["B-person", "I-person", "O"]], [["O", "O", "O"]]),
        ([["O", "O", "O"]], [["O", "B-place", "O"]]),
    ]
    join = lambda sentences: [" ".join(sentence) for sentence in sentences]
    cases = [
        {"gold": join(gold), "predicted": join(predicted), **scores(gold, predicted)} for gold, predicted in pairs
    ]
    print(json.dumps(cases, indent=1))


main()
