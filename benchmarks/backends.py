"""Encoding one model's float32, bfloat16 and OpenVINO: passages a second and what it does to the vectors.

    python benchmarks/backends.py --data ../shared/data [--model all-minilm-l6-v2] [--texts 200] [--rounds 3] [--json]

Run it in the environment of OpenVINO (`docs/scale.md`). Passages are XQuAD's English paragraphs, encoded as a run does
(tokenise, sort, cut into batches, pass through the model), in one process and in alternated rounds, with as many
threads as `OMP_NUM_THREADS` says. Printed are the medians of the ratios of each round to float32 by torch, by the clock
and in processor seconds, and the largest cosine distance of a vector from torch's in float32. What this processor
cannot compute is left out. The figures are left in `results/backends.json`.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from record import alternated, keep, report
from xquad import paragraphs

from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.encoding import encode_window
from bench.errors import BenchError
from bench.registry import Registry
from bench.weights import locate

PLAIN = "torch float32"
WAYS = {
    PLAIN: {},
    "torch bfloat16": {"dtype": "bfloat16"},
    "openvino float32": {"backend": "openvino"},
    "openvino bfloat16": {"backend": "openvino", "dtype": "bfloat16"},
}


def encoders(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The model each way that works here, loaded, and why the others do not."""
    card = Registry().model(name)
    (weights,) = locate(card, offline=True)
    found, left_out = {}, {}
    for way, told in WAYS.items():
        settings: Any = {"similarity": card.similarity, "pooling": card.pooling, "max_length": card.max_length, **told}
        try:
            found[way] = SentenceTransformerEncoder(weights, Settings(device="cpu", **settings))
            found[way].encode(["one text"], "document", "en")
        except BenchError as error:
            found.pop(way, None)
            left_out[way] = str(error)
    return found, left_out


def measured(name: str, texts: list[str], rounds: int) -> dict[str, Any]:
    """A row a way: passages a second, ratios to float32 by torch, distance from its vectors."""
    models, left_out = encoders(name)
    vectors: dict[str, Any] = {}

    def encode(way: str) -> None:
        vectors[way] = encode_window(models[way], texts, "document", "en").vectors.astype(np.float64)

    took = alternated({way: lambda way=way: encode(way) for way in models}, rounds)
    rows = []
    for way, seconds in took.items():
        against = list(zip(took[PLAIN], seconds, strict=True))
        rows.append(
            {
                "way": way,
                "per_second": len(texts) / statistics.median(one.wall for one in seconds),
                "ratio_wall": statistics.median(plain.wall / one.wall for plain, one in against),
                "ratio_cpu": statistics.median(plain.cpu / one.cpu for plain, one in against),
                "rounds_wall": [round(plain.wall / one.wall, 2) for plain, one in against],
                "rounds_cpu": [round(plain.cpu / one.cpu, 2) for plain, one in against],
                "cosine_distance": float(1 - (vectors[way] * vectors[PLAIN]).sum(axis=1).min()),
            }
        )
    environment = next((models[way].environment() for way in reversed(models)), {})
    return {"model": name, "texts": len(texts), "rows": rows, "left_out": left_out, "environment": environment}


def show(result: dict[str, Any]) -> None:
    """For people."""
    for row in result["rows"]:
        print(
            f"{row['way']:18} {row['per_second']:6.1f} passages/s; of torch float32 {row['ratio_wall']:.2f} by clock, "
            f"{row['ratio_cpu']:.2f} by processor seconds, cosine distance at most {row['cosine_distance']:.1g}"
        )
    for way, why in result["left_out"].items():
        print(f"{way:18} {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = [row["context"] for row in paragraphs(arguments.data, "en")][: arguments.texts]
    result = measured(arguments.model, texts, arguments.rounds)
    keep("backends", result["rows"], **{k: v for k, v in result.items() if k != "rows"})
    report(result, show, as_json=arguments.json)


if __name__ == "__main__":
    main()
