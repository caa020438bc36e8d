"""The two further heads of BGE-M3: lexical weights and token vectors, from the same forward pass as its dense vector.

Chen et al., "M3-Embedding", Findings of ACL 2024. The library knows neither head: they lie beside the transformer as
`sparse_linear.pt` and `colbert_linear.pt`, or in files of the same names in safetensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.adapters.memory import batch_in_memory
from bench.adapters.sentence_transformer import SentenceTransformerEncoder
from bench.encoding import BatchLimits, Side, TokenCount
from bench.errors import MissingError
from bench.forms import MULTI, SPARSE, Form
from bench.weights import Located

Head = Literal["sparse", "late"]
FILES: dict[str, str] = {"sparse": "sparse_linear", "late": "colbert_linear"}


def head_file(weights: Located, head: Head) -> str:
    """The file of a head: in safetensors where there is such a one, else the pickle that BGE-M3 came with."""
    names = (f"{FILES[head]}.safetensors", f"{FILES[head]}.pt")
    found = next((name for name in names if weights.config_exists(name)), None)
    if found is None:
        raise MissingError(f"{weights.name}: the folder has no {names[1]}: not a folder of BGE-M3")
    return found


@dataclass(frozen=True)
class BgeM3Head:
    """One head on the transformer of `base`, in float32.

    `sparse`: the weight of a token of the vocabulary is the largest that the head gives it in the text, special tokens
    have none. `late`: one vector of length 1 a token without the first, and MaxSim is a mean over the query.
    """

    base: SentenceTransformerEncoder
    weights: Located
    head: Head

    uses_language = False

    def __post_init__(self) -> None:
        head_file(self.weights, self.head)

    @property
    def form(self) -> Form:
        """Of the vectors."""
        return SPARSE if self.head == "sparse" else MULTI

    @property
    def mean_of_queries(self) -> bool:
        """MaxSim is divided by the number of a query's vectors."""
        return self.head == "late"

    @property
    def limits(self) -> BatchLimits:
        return self.base.limits

    def recipe(self, side: Side) -> dict[str, Any]:
        own = self.base.recipe(side)
        return own | {"adapter": f"bge-m3 {self.head}", "pooling": None, "similarity": "dot", "projection": None}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        """One forward pass over the texts, in the form of the head."""
        import torch

        model = self.base.model
        with batch_in_memory(self.weights.name), torch.inference_mode():
            features = model.preprocess(list(texts), prompt=self.base.prompt(side), task=side)
            features = {k: v.to(model.device) if hasattr(v, "to") else v for k, v in features.items()}
            states = model(dict(features))["token_embeddings"].float()
            mask = features["attention_mask"].bool()
            if self.head == "late":
                vectors = torch.nn.functional.normalize(self._linear(states[:, 1:]), dim=-1).cpu()
                return [row[kept].numpy() for row, kept in zip(vectors, mask[:, 1:].cpu(), strict=True)]
            weights = torch.relu(self._linear(states)).squeeze(-1).masked_fill(~mask, 0.0).cpu()
            return self._lexical(features["input_ids"].cpu(), weights)

    def reference(self) -> BgeM3Head | None:
        """The same head on the model in float32; None where this is it."""
        base = self.base.reference()
        return BgeM3Head(base, self.weights, self.head) if base else None

    @property
    def bytes_in_float32(self) -> int:
        """What the weights take in float32."""
        return self.base.bytes_in_float32

    def _lexical(self, ids: Any, weights: Any) -> Any:
        import torch
        from scipy.sparse import csr_array

        specials = torch.tensor(sorted(set(self.base.model.tokenizer.all_special_ids)))
        weights = weights.masked_fill(torch.isin(ids, specials), 0.0)
        rows = torch.zeros(len(ids), len(self.base.model.tokenizer)).scatter_reduce_(1, ids, weights, "amax")
        return csr_array(rows.numpy())

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return self.base.count_tokens(texts, side)

    def rendered(self, text: str, side: Side) -> str:
        return self.base.rendered(text, side)

    def environment(self) -> dict[str, Any]:
        return self.base.environment()

    @cached_property
    def _linear(self) -> Any:
        import torch

        name = head_file(self.weights, self.head)
        path = self.weights.folder / name
        try:
            if path.suffix == ".pt":
                state = torch.load(path, weights_only=True, map_location="cpu")
            else:
                from safetensors.torch import load_file

                state = load_file(path)
            layer = torch.nn.Linear(state["weight"].shape[1], state["weight"].shape[0])
            layer.load_state_dict(state)
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            raise MissingError(f"{self.weights.name}: cannot load {name}: {error}") from error
        except Exception as error:  # what the unpickler refuses has a type of its own in each version of torch
            raise MissingError(f"{self.weights.name}: {name} holds more than weights, and is refused") from error
        return layer.float().eval().to(self.base.model.device)
