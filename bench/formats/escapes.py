"""Texts from data, fit for where they go: each function gives a text of which that place obeys nothing.

A name of a model may hold anything. Where a place has no way to write a character, its escape stands there.
"""

from __future__ import annotations

import re

# Beside the C0 controls: DEL, the C1 controls, line separators, marks that change the direction of writing, and lone
# surrogates, which no encoding can print. A terminal or a reader would obey them.
OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS = re.compile(f"[\x00-\x1f]|{OBEYED.pattern}")
# XML 1.0 has no way to write these, not even as references (https://www.w3.org/TR/xml/#charsets).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# All of ASCII's punctuation may be escaped (https://spec.commonmark.org/0.31.2/#backslash-escapes); these begin markup.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "`": r"\textasciigrave{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_LATEX_OBEYED = re.compile("[" + re.escape("".join(_LATEX)) + "]")


def one_line(text: str) -> str:
    """A text on one line: blanks, tabs and line breaks as single blanks, what is obeyed as an escape."""
    return controls(re.sub(r"[ \t\r\n]+", " ", text))


def controls(text: str) -> str:
    """A text with its blanks as they are; line breaks and all that is obeyed as escapes."""
    return _CONTROLS.sub(_escape, text)


def json_text(text: str) -> str:
    r"""Written JSON in which what is obeyed stands as `\uXXXX`, which changes no value."""
    return OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def markdown(text: str) -> str:
    """One cell or line of Markdown: no markup, HTML, mention or second column, no address that becomes a link."""
    escaped = _replaced(_MARKUP.sub(r"\\\1", one_line(text).strip()), _HTML)
    return escaped.replace("://", ":&#47;/").replace("www.", "www&#46;")


def latex(text: str) -> str:
    """One cell or line of LaTeX: no command, no second cell, no comment, no ligature."""
    escaped = _LATEX_OBEYED.sub(lambda match: _LATEX[match[0]], one_line(text).strip())
    return re.sub(r"([-,'])(?=\1)", r"\1{}", escaped)


def spreadsheet(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula: an apostrophe stands before what would begin one.

    Numbers are left as they are.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    begins = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return f"'{controls(text)}" if begins and not _NUMBER.fullmatch(text) else controls(text)


def xml(text: str) -> str:
    """A text in which what XML cannot say stands as an escape; whoever writes the file escapes markup."""
    return _NOT_XML.sub(_escape, text)


def github_value(text: str, *, of_property: bool) -> str:
    """The message, or the value of a property, of a command in a log of GitHub Actions."""
    table = {"%": "%25", "\r": "%0D", "\n": "%0A"} | ({":": "%3A", ",": "%2C"} if of_property else {})
    return _unbracketed(_replaced(text, table))


def log_line(line: str) -> str:
    """A line of a log of which nothing is a command: `::name::` at its beginning and `##[name]` anywhere would be."""
    return _unbracketed(line).replace("::", ":\u200b:")


def _unbracketed(text: str) -> str:
    return text.replace("##[", "#\u200b#[")


def _replaced(text: str, table: dict[str, str]) -> str:
    for character, code in table.items():
        text = text.replace(character, code)
    return text


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
