"""Texts that look at themselves again and again in code that is not careful."""

NASTY: dict[str, tuple[str, str]] = {
    "letters with dots": ("a.a.a.", ""),
    "initials": ("A. ", ""),
    "stops and spaces": (". ", ""),
    "stops alone": (".", ""),
    "ideographic stops": ("。", ""),
    "questions and exclamations": ("!?", ""),
    "decimals": ("3.5 ", ""),
    "decimals without spaces": ("3.5", ""),
    "digits and commas": ("1,", ""),
    "exempli gratia": ("e.g. ", ""),
    "id est": ("i.e., ", ""),
    "titles": ("Mr. ", ""),
    "numbered items": ("1. ", ""),
    "words without a stop": ("words and ", ""),
    "one word": ("a", ""),
    "ideographs": ("字", ""),
    "ideographs and marks": ("字\u0301", ""),
    "marks": ("\u0301\u0316", ""),
    "decomposed letters": ("e\u0301 ", ""),
    "zero-width characters": ("a\u200b", ""),
    "soft hyphens": ("a\u00ad", ""),
    "broken lines": ("a-\n", ""),
    "emoji": ("👩‍👩‍👧 ", ""),
    "spaces": (" ", ""),
    "line ends": ("\n", ""),
    "a word, then spaces": ("a ", " "),
    "a tag, then spaces": ("< ", " "),
    "backticks": ("`", ""),
    "backticks, then letters": ("`", "a"),
    "code that is not closed": ("`a.", ""),
    "code with spare backticks": ("``a` ", ""),
    "code, then sentences": ("`", "Word. "),
    "fences": ("```\n", ""),
    "inline code": ("`a[1]. b` ", ""),
    "open brackets": ("[", ""),
    "numbers": ("[1]", ""),
    "numbers on lines": ("[1]\n", ""),
    "lists of numbers": ("[1, 1, 1, 1] ", ""),
    "a list of numbers that goes on": ("[1,", "1, "),
    "short sentences that cite": ("a [1]. ", ""),
    "headings that cite": ("# a [1]\n", ""),
    "quotations that cite": ('"a b c" [1]. ', ""),
    "quotation marks": ('"', ""),
    "open quotation marks": ("“„«", ""),
    "asterisks": ("**a** ", ""),
    "tables": ("| 9 ", ""),
    "table lines that cite": ("| harbour | 9 [1] |\n", ""),
    "addresses": ("http://a.b ", ""),
    "one address": ("http://www.", ""),
    "www, then a letter": ("www.", "é"),
    "slashes": ("//a", ""),
    "slashes and letters": ("//.é", ""),
    "labels": ("]:", ""),
    "quoted lines, then labels": ("\n>", "]:"),
    "links": ("[a](b) ", ""),
    "tags": ("<a>", ""),
    "control sequences": ("\x1b[0m", ""),
    "everything": ('Dr. A said: "x-y `z.` 3.5 [1, 2]"...\n\n> - [a]: //b.c <d> **e.g.** ', ""),
}
"""By name: what the first half repeats, and what the second half does, if that is else."""


def nasty(name: str, characters: int) -> str:
    """Return the text of a name, so many characters long."""
    first, second = NASTY[name]
    half = characters // 2 if second else characters
    return _filled(first, half) + _filled(second, characters - half)


def _filled(unit: str, characters: int) -> str:
    return (unit * (characters // len(unit) + 1))[:characters] if unit else ""
