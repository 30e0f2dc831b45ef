"""Takes the first images of each class of Fashion-MNIST: 700 of its training set, 300 of its test set.

On Debian: apt-get install dataset-fashion-mnist; then python data/fashion-mnist/make_subset.py [FOLDER].
"""

import gzip
import struct
import sys
from pathlib import Path

FROM = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist")
TO = Path(__file__).parent
HEADER = {"images": 16, "labels": 8}

for part, each in [("train", 700), ("t10k", 300)]:
    files = {kind: f"{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte.gz" for kind in HEADER}
    data = {kind: gzip.open(FROM / name).read() for kind, name in files.items()}
    labels = data["labels"][HEADER["labels"] :]
    taken, counts = [], [0] * 10
    for row, label in enumerate(labels):
        if counts[label] < each:
            counts[label] += 1
            taken.append(row)
    pixels = data["images"][HEADER["images"] :]
    images = b"".join(pixels[784 * row : 784 * (row + 1)] for row in taken)
    bodies = {
        "images": struct.pack(">IIII", 2051, len(taken), 28, 28) + images,
        "labels": struct.pack(">II", 2049, len(taken)) + bytes(labels[row] for row in taken),
    }
    for kind, name in files.items():
        with open(TO / name, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
            packed.write(bodies[kind])
