"""Writes static/words/english.safetensors: which words stand near each other in textbooks (workers/attribution/review/word-vectors.ts).

    python docs/recipes/word-vectors.py OUT BOOKS --without ROWS...

BOOKS: a folder of running text, one paragraph a line (the corpora that nano was trained on). ROWS: JSON lines with `response` or `text`, the Datanets that the method is measured
by: a paragraph that has five words in a row in common with one of them is left out, and so are the books that two of them are taken from.
Needs numpy and scipy; a minute and 3 GB. Singular vectors are the machine's own, so another machine's file differs in a few bits.
"""

import argparse
import collections
import glob
import hashlib
import json
import re
import struct

import numpy as np
import scipy.sparse as sparse

WORDS, LEAST, WINDOW, DIMS = 24_000, 4, 15, 128
OVERLAP, SHORTEST = 5, 9
LEFT_OUT = ("anatomy", "principles-finance", "intellectual")
# Steps of a word's weight in a nat.
STEPS = 16
# Half a step between sixteen even levels, in standard deviations (Max 1960).
UNIT = 0.168


def words_of(text):
    return re.findall(r"[a-z]+", text.lower())


def runs_of(words):
    return {tuple(words[i : i + OVERLAP]) for i in range(len(words) - OVERLAP + 1)}


def paragraphs(folder, held):
    for path in sorted(glob.glob(f"{folder}/*.txt")):
        if any(name in path.rsplit("/", 1)[-1] for name in LEFT_OUT):
            continue
        for line in open(path, encoding="utf8"):
            words = words_of(line)
            if len(words) >= SHORTEST and held.isdisjoint(runs_of(words)):
                yield words


def neighbours(texts, number):
    """How often each word stands within WINDOW words of each other one."""
    gap = -np.ones(WINDOW + 1, np.int32)
    flat = np.concatenate([np.concatenate([np.array([number.get(w, -1) for w in t], np.int32), gap]) for t in texts])
    n = len(number)
    counts = sparse.csr_matrix((n, n), dtype=np.float32)
    for step in range(1, WINDOW + 1):
        a, b = flat[:-step], flat[step:]
        both = (a >= 0) & (b >= 0)
        counts = counts + sparse.coo_matrix((np.ones(both.sum(), np.float32), (a[both], b[both])), shape=(n, n)).tocsr()
    return counts + counts.T


def association(counts):
    """Positive pointwise mutual information, contexts smoothed by the power of 0.75 (Levy, Goldberg and Dagan 2015)."""
    counts = counts.tocoo()
    total = np.asarray(counts.sum(1)).ravel()
    smooth = total**0.75
    value = np.log(counts.data * smooth.sum() / (total[counts.row] * smooth[counts.col]))
    more = value > 0
    return sparse.coo_matrix((value[more], (counts.row[more], counts.col[more])), shape=counts.shape).tocsr()


def singular(matrix, random):
    """The DIMS largest by subspace iteration: left vectors times the root of the values."""
    y = matrix @ random.standard_normal((matrix.shape[0], DIMS + 12)).astype("f")
    for _ in range(3):
        y = matrix @ (matrix.T @ np.linalg.qr(y)[0])
    q = np.linalg.qr(y)[0]
    u, values, _ = np.linalg.svd((matrix.T @ q).T, full_matrices=False)
    return (q @ u)[:, :DIMS] * values[:DIMS] ** 0.5


def front_coded(words):
    """Sorted words, each the number of letters that it shares with the one before, as a control character, and its other letters."""
    out, before = bytearray(), ""
    for word in words:
        shared = 0
        while shared < min(len(word), len(before), 31) and word[shared] == before[shared]:
            shared += 1
        out += bytes([shared]) + word[shared:].encode()
        before = word
    return np.frombuffer(bytes(out), np.uint8)


def save(path, tensors):
    header, at = {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "U8", "shape": list(value.shape), "data_offsets": [at, at + value.size]}
        at += value.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in tensors.values())
    open(path, "wb").write(data)
    print(len(data), "bytes, sha256", hashlib.sha256(data).hexdigest())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("books")
    parser.add_argument("--without", nargs="*", default=[])
    asked = parser.parse_args()
    held = set()
    for path in asked.without:
        for line in open(path, encoding="utf8"):
            row = json.loads(line)
            held |= runs_of(words_of(row.get("response") or row.get("text") or ""))
    texts = list(paragraphs(asked.books, held))
    count = collections.Counter(word for text in texts for word in text)
    words = sorted(word for word, times in count.most_common(WORDS) if times >= LEAST)
    vectors = singular(association(neighbours(texts, {word: i for i, word in enumerate(words)})), np.random.default_rng(0))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Few bits keep angles best where no direction is more than the others.
    turned = vectors @ np.linalg.qr(np.random.default_rng(1).standard_normal((DIMS, DIMS)))[0]
    codes = np.clip(np.floor(turned / (2 * UNIT * turned.std()) + 8), 0, 15).astype(np.uint8)
    weights = [np.clip(np.log(len(texts) / count[word]), 0, 255 / STEPS) for word in words]
    print(len(texts), "paragraphs,", sum(count.values()), "words,", len(words), "of them kept")
    save(
        asked.out,
        {
            "codes": codes[:, ::2] | codes[:, 1::2] << 4,
            "weights": np.round(np.array(weights) * STEPS).astype(np.uint8),
            "words": front_coded(words),
        },
    )


if __name__ == "__main__":
    main()
