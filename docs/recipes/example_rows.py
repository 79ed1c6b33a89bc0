"""The rows that the example adapters were trained on, as train-example-adapters.py divides them.

usage: example_rows.py GLOSSARY OUT
  GLOSSARY  one JSON object a line with prompt, response, term, section and book
  OUT       file to write: the training rows in the glossary's order, one JSON object a line

Needs Python 3 alone.
"""
import json
import random
import sys


def read_rows(path):
    return [json.loads(line) for line in open(path, encoding='utf8')]


def split_rows(rows, seed=0):
    """80/10/10 by term, so that none is in two parts; each part in random order."""
    terms = sorted({row['term'].lower() for row in rows})
    random.Random(seed).shuffle(terms)
    order, tenth = {term: i for i, term in enumerate(terms)}, len(terms) // 10
    rows = sorted(rows, key=lambda row: order[row['term'].lower()])
    part = lambda row: min(order[row['term'].lower()] // tenth, 2)
    return {name: [row for row in rows if part(row) == i] for i, name in enumerate(('held_out', 'validation', 'train'))}


if __name__ == '__main__':
    glossary, out = sys.argv[1:]
    rows = read_rows(glossary)
    kept = {id(row) for row in split_rows(rows)['train']}
    with open(out, 'w', encoding='utf8') as file:
        for row in rows:
            if id(row) in kept:
                file.write(json.dumps(row, ensure_ascii=False) + '\n')
