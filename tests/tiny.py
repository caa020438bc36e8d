"""Tiny sentence-transformers models, built on the spot with random weights: real files, real library, no download."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

WORDS = ["river", "lake", "bridge", "star", "planet", "comet", "wheat", "rice", "maize", "wolf", "tiger", "whale"]


def word_tokenizer(words: Sequence[str] = WORDS) -> Any:
    """One token a word and `</s>` at the end, so that tokens can be counted by hand; other words are `<unk>`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {piece: i for i, piece in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _wrapped(tokenizer)


def piece_tokenizer(texts: Iterable[str], size: int = 400) -> Any:
    """A unigram tokenizer with mT5's specials, trained on the texts."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from tokenizers.trainers import UnigramTrainer

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<pad>", "</s>", "<unk>"]
    trainer = UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return _wrapped(tokenizer)


def _wrapped(tokenizer: Any) -> Any:
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def save_encoder(folder: Path, tokenizer: Any, seed: int = 7) -> Path:
    """A plain folder with a random mT5 encoder (32 dimensions, two layers) and its tokenizer, without modules.json."""
    import torch
    from transformers import MT5Config, MT5EncoderModel

    torch.manual_seed(seed)
    config = MT5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    MT5EncoderModel(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_model(
    folder: Path,
    tokenizer: Any,
    *,
    prompts: dict[str, str] | None = None,
    pooling: str = "mean",
    lengths: tuple[int, int] | None = None,
    similarity: str | None = None,
    normalized: bool = False,
    projection: int | None = None,
) -> Path:
    """A sentence-transformers folder over such an encoder; `lengths` are those of a query and of a document.

    `projection` is the number of dimensions that a dense layer after the pooling leaves.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    encoder = save_encoder(folder.with_name(folder.name + "-encoder"), tokenizer)
    limits = dict(zip(("query_length", "document_length"), lengths, strict=True)) if lengths else {}
    modules = [
        Transformer(str(encoder), **limits),
        Pooling(32, pooling_mode=pooling),
        *([Dense(32, projection, bias=False, activation_function=torch.nn.Identity())] if projection else []),
        *([Normalize()] if normalized else []),
    ]
    model = SentenceTransformer(modules=modules, prompts=prompts or {}, similarity_fn_name=similarity, device="cpu")
    model.save(str(folder), create_model_card=False)
    return folder
