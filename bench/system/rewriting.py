"""Systems whose queries a language model rewrites before they are searched for."""

from __future__ import annotations

from bench.adapters.language_model import LanguageModel
from bench.adapters.rewriting import PASSAGE, TRANSLATION, LanguageModelRewriter
from bench.endpoint import Address, Endpoint, stored
from bench.errors import InputError
from bench.expression import Call
from bench.grammar import parse_expression
from bench.replies import Replies
from bench.retriever import Retriever
from bench.system.options import given, whole
from bench.system.value import Context, Setting, System, combined

HYDE = "hyde(a, llm=URL#MODEL)"
QUERY2DOC = "query2doc(a, llm=URL#MODEL, repeat=1)"
TRANSLATE = "translate(a, llm=URL#MODEL, to=en)"


def language_model(context: Context, text: str, where: str) -> LanguageModel:
    """The model of `URL#MODEL[@VERSION]`, its replies kept in the cache."""
    url, mark, rest = text.partition("#")
    name, _, version = rest.partition("@")
    if not mark or not name:
        raise InputError(f"{where}: expected URL#MODEL for the language model, found {text!r}")
    endpoint = Endpoint(Address.parse(url), context.options.offline)
    cache = context.options.cache
    replies = Replies(cache / "replies" / "language.sqlite") if cache else None
    return LanguageModel(endpoint, name, version or None, replies)


def unversioned(model: LanguageModel, text: str) -> str | None:
    """Why results of a model without a version stay off a board, None for one that has one."""
    return (
        None if model.version else f"{text}: nobody can say which weights answer: name their version, URL#MODEL@VERSION"
    )


def hyde(context: Context, tree: Call) -> System:
    """`hyde(a, llm=..)`: a made-up answer is searched for in place of the question, encoded as a question is."""
    options = given(tree, tree.options, ("llm",), HYDE)
    return _rewritten(context, tree, options, PASSAGE, "{reply}", HYDE)


def query2doc(context: Context, tree: Call) -> System:
    """`query2doc(a, llm=.., repeat=1)`: the question, `repeat` times, and a made-up answer (the paper: 5 for BM25)."""
    options = given(tree, tree.options, ("llm", "repeat"), QUERY2DOC)
    form = " ".join(["{query}"] * whole(tree, options, "repeat", 1) + ["{reply}"])
    return _rewritten(context, tree, options, PASSAGE, form, QUERY2DOC)


def translate(context: Context, tree: Call) -> System:
    """`translate(a, llm=.., to=en)`: the question in another language, by default that of the documents."""
    options = given(tree, tree.options, ("llm", "to"), TRANSLATE)
    return _rewritten(context, tree, options, TRANSLATION, "{reply}", TRANSLATE)


def _rewritten(context: Context, tree: Call, options: dict[str, str], question: str, form: str, usage: str) -> System:
    if len(tree.arguments) != 1 or "llm" not in options:
        raise InputError(f"{tree}: expected {usage}")
    rewriter = LanguageModelRewriter(language_model(context, options["llm"], str(tree)), question, form)
    (first,) = (context.part(argument) for argument in tree.arguments)
    to = options.get("to")

    def build(setting: Setting) -> Retriever:
        from bench.adapters.rewriting import Rewritten

        return Rewritten(first.build(setting), rewriter, setting.watch, to)

    shown = tuple((name, stored(value) if name == "llm" else value) for name, value in tree.options)
    name = str(Call(tree.function, (parse_expression(first.name),), shown))
    identity = {"rewriter": rewriter.recipe(), "to": to, "of": first.identity}
    unresolved = unversioned(rewriter.model, stored(options["llm"]))
    return combined(name, identity, build, (first,), unresolved=unresolved, stages=(rewriter,))
