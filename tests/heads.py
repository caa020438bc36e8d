"""Tiny checkpoints of the families beside dense: ColBERT, SPLADE, BGE-M3; real files, random weights, no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny import word_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.5,
}


def save_bert(folder: Path, tokenizer: Any, kind: str = "BertModel", seed: int = 5, **config_options: Any) -> Path:
    """A plain folder with a random BERT of that class."""
    import torch
    import transformers

    torch.manual_seed(seed)
    config = transformers.BertConfig(vocab_size=len(tokenizer), **SIZES, **config_options)
    getattr(transformers, kind)(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_colbert(folder: Path, tokenizer: Any | None = None, lengths: tuple[int, int] = (16, 24)) -> Path:
    """A late-interaction folder: token vectors of 16 dimensions, at length 1."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    plain = save_bert(folder.with_name(f"{folder.name}-plain"), tokenizer or word_tokenizer())
    torch.manual_seed(11)
    name = {"module_input_name": "token_embeddings", "module_output_name": "token_embeddings"}
    modules = [
        Transformer(str(plain), query_length=lengths[0], document_length=lengths[1]),
        Dense(32, 16, bias=False, activation_function=torch.nn.Identity(), **name),
        Normalize(**name),
        MultiVectorMask(),
    ]
    MultiVectorEncoder(modules=modules, prompts={"query": "river ", "document": "lake "}).save(str(folder))
    return folder


def save_splade(folder: Path, tokenizer: Any | None = None) -> Path:
    """A learned sparse folder: the logits of a masked language model, pooled by their maximum."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    plain = save_bert(folder.with_name(f"{folder.name}-plain"), tokenizer or word_tokenizer(), "BertForMaskedLM")
    modules = [Transformer(str(plain), transformer_task="fill-mask"), SpladePooling("max")]
    SparseEncoder(modules=modules).save(str(folder))
    return folder


def save_bge_m3(folder: Path, tokenizer: Any | None = None) -> Path:
    """A folder shaped as BGE-M3: a dense model with CLS pooling, and the two heads beside it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    plain = save_bert(folder.with_name(f"{folder.name}-plain"), tokenizer or word_tokenizer())
    SentenceTransformer(modules=[Transformer(str(plain)), Pooling(32, "cls"), Normalize()]).save(str(folder))
    torch.manual_seed(13)
    torch.save(torch.nn.Linear(32, 1).state_dict(), folder / "sparse_linear.pt")
    torch.save(torch.nn.Linear(32, 32).state_dict(), folder / "colbert_linear.pt")
    return folder
