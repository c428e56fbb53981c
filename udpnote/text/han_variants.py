"""Chinese characters that a search counts as the same: simplified and traditional ones, and forms of Taiwan and Hong Kong.

Simplified Chinese has one character for several traditional ones: 干 for 乾, 幹 and 干. A search for any of them finds all of
them, because one character stands for the whole set. Each character is compared by itself. A dictionary of words could tell
more characters apart, but only if text and query were always divided into the same words.
"""

from udpnote.text.han_table import SETS, SOURCE

HAN_VERSION = SOURCE
"""The version of the table by which `one_form` replaces characters."""

_ONE_FORM = {ord(variant): each[0] for each in SETS.split() for variant in each[1:]}
_VARIANTS = frozenset(map(chr, _ONE_FORM))


def one_form(text: str) -> str:
    """Replace each character by the one that stands for its set. The number of characters stays the same."""
    return text if _VARIANTS.isdisjoint(text) else text.translate(_ONE_FORM)
