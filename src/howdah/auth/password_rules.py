"""Which texts may become a password (R3 to R5). Pure, but for reading the package's own list once.

There are two rules: how long it is, and how soon it would be guessed. No kinds of character are asked for, nothing
expires, and every character counts.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Final

from howdah.auth.proof_errors import CommonPassword, LongPassword, ShortPassword, UnacceptablePassword

LEAST_ALONE: Final = 15
"""The fewest code points of a password that is all somebody needs to sign in (SP 800-63B-4, section 3.1.1)."""
LEAST_WITH_SECOND_FACTOR: Final = 8
"""The fewest code points of a password beside which a second factor is asked for."""
LONGEST: Final = 256
"""The most code points; a longer text is refused before anything costs time."""

GUESSES_TO_WITHSTAND: Final = 7.0
"""As a power of ten: how many guesses a password must withstand of somebody who knows what people choose."""


def normalise_password(password: str) -> str:
    """The form of a password that is hashed, when it is set and when it is verified: NFC, and nothing else (R4).

    NFC, as RFC 8265 section 4.2 has it, makes one text of what keyboards compose differently and keeps everything apart
    that looks different; NFKC would make one of a full-width and a plain letter, and then not every character counts.

    Raises LongPassword, UnacceptablePassword.

    >>> normalise_password("cafe" + chr(0x301)) == "café"
    True
    >>> normalise_password(" Two  spaces ")
    ' Two  spaces '
    """
    if len(password) <= 4 * LONGEST:  # composing shortens, and at most by so much
        password = unicodedata.normalize("NFC", password)
    if len(password) > LONGEST:
        raise LongPassword(f"The password has more than {LONGEST} characters.")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise UnacceptablePassword("The password has characters that are none: half of a surrogate pair.") from None
    return password


def check_new_password(password: str, *, least: int = LEAST_ALONE, context: Iterable[str] = ()) -> str:
    """The password normalised, when an account may have it from now on.

    ``context`` is what anybody would try for this account: the site's name, the local part of the e-mail address, the
    username (R5). Such words add nothing to how long a password takes to guess.

    Raises ShortPassword, LongPassword, CommonPassword, UnacceptablePassword.

    >>> check_new_password("seven lilac otters")
    'seven lilac otters'
    >>> check_new_password("Password123456789")
    Traceback (most recent call last):
        ...
    howdah.auth.proof_errors.CommonPassword: The password is too easy to guess.
    """
    normalised = normalise_password(password)
    if len(normalised) < least:
        raise ShortPassword(f"The password has fewer than {least} characters.", hint="Several words in a row are good.")
    if is_common(normalised, context=context):
        raise CommonPassword(hint="Use words that have nothing to do with each other, or with this site and you.")
    return normalised


def is_common(password: str, *, context: Iterable[str] = ()) -> bool:
    """Whether somebody who knows what people choose guesses it within ten million guesses.

    Lists of stolen passwords hold few that are long: of the 30,000 most frequent, some thirty have fifteen characters.
    Long common passwords are short ones made longer: put twice, followed by a year, a row of keys or another such word.
    So the list is what this knows about pieces, and a password is as good as its cheapest division into pieces, also
    when two texts are interleaved (``a1b2c3d4``).

    >>> [is_common(word) for word in ("passwordpassword", "qwertyuiop2026!", "aaaaaaaaaaaaaaaa", "iloveyoubabygirl")]
    [True, True, True, True]
    >>> is_common("shop-shop-shop-1", context=["Shop"]), is_common("correct battery horse")
    (True, False)
    """
    words: dict[str, float] = dict.fromkeys(_context_words(context), 0.0)
    plain = password.casefold()
    return any(
        min(_guesses(form, words), _guesses(form[::2], words) + _guesses(form[1::2], words)) < GUESSES_TO_WITHSTAND
        for form in {plain, plain.translate(_DISGUISES), plain.translate(_DISGUISES | {ord("1"): "l"})}
    )


def _context_words(context: Iterable[str]) -> Iterable[str]:
    for text in context:
        folded = unicodedata.normalize("NFC", text).casefold()
        for word in (folded, *re.split(r"[\W_]+", folded), re.sub(r"[\W_]+", "", folded)):
            if len(word) >= _SHORTEST_CONTEXT_WORD:
                yield word
                yield word[::-1]


_SHORTEST_CONTEXT_WORD: Final = 3
_DISGUISES: Final = str.maketrans("0134578@$!+|", "oieastbasitl")
_LETTER_GUESSES: Final = 1.5  # of some thirty letters and signs
_DIGIT_GUESSES: Final = 1.0
_RUN_GUESSES: Final = 1.7  # where it begins and which way it goes; how long it is can be seen from the rest
_YEAR_GUESSES: Final = 2.1
_AGAIN_GUESSES: Final = 0.5
_FREQUENT_SIGNS: Final = " !.-_1"
_FREQUENT_SIGN_GUESSES: Final = 0.7
_LONGEST_PIECE: Final = 32
_YEAR: Final = re.compile(r"(?:19|20)\d\d")


def _guesses(text: str, words: Mapping[str, float]) -> float:
    """How many guesses the text withstands, as a power of ten: those for each of its pieces, multiplied.

    Once no way through the text is left that is cheap, the answer is that it is not: more need not be known.
    """
    period = _period(text)
    if period < len(text):
        return _guesses(text[:period], words) + math.log10(len(text) / period)
    ranked = _ranked()
    runs = _runs(text)
    best = [0.0] + [math.inf] * len(text)  # of the text's beginnings
    for start in range(len(text)):
        before = best[start]
        if before >= GUESSES_TO_WITHSTAND:
            if min(best[start:]) >= GUESSES_TO_WITHSTAND:
                return GUESSES_TO_WITHSTAND
            continue  # nothing cheap begins here
        best[start + 1] = min(best[start + 1], before + _sign_guesses(text[start]))
        for end in range(start + 2, min(len(text), start + _LONGEST_PIECE) + 1):
            piece = text[start:end]
            guesses = words.get(piece, ranked.get(piece))
            if guesses is None:
                if not _YEAR.fullmatch(piece):
                    continue
                guesses = _YEAR_GUESSES
            best[end] = min(best[end], before + guesses)
            while text.startswith(piece, end):  # and again
                end += len(piece)
                best[end] = min(best[end], before + guesses + _AGAIN_GUESSES)
        if (end := runs[start]) >= start + _SHORTEST_RUN:
            for shorter in range(start + _SHORTEST_RUN, end + 1):
                best[shorter] = min(best[shorter], before + _RUN_GUESSES)
    return best[-1]


def _sign_guesses(sign: str) -> float:
    return _FREQUENT_SIGN_GUESSES if sign in _FREQUENT_SIGNS else _DIGIT_GUESSES if sign.isdigit() else _LETTER_GUESSES


def _period(text: str) -> int:
    """The length of the shortest text that, put again and again and perhaps cut off, is this one; its own otherwise."""
    borders = [0] * len(text)  # the longest border of each beginning, as Knuth, Morris and Pratt have it
    length = 0
    for index in range(1, len(text)):
        while length and text[index] != text[length]:
            length = borders[length - 1]
        length += text[index] == text[length]
        borders[index] = length
    period = len(text) - (borders[-1] if borders else 0)
    return period if 2 * period <= len(text) else len(text)


_SHORTEST_RUN: Final = 3
_ROWS: Final = ("`1234567890-=", "\0qwertyuiop[]\\", "\0asdfghjkl;'", "\0zxcvbnm,./")
_PLACES: Final = {
    key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys) if key != "\0"
}


def _runs(text: str) -> list[int]:
    """For each character, where the run that begins with it ends: one key, or neighbours in the alphabet or on keys."""
    ends = [index + 1 for index in range(len(text))]
    for follows in (_same_or_next, _neighbouring):
        step = None
        end = len(text)
        for index in range(len(text) - 2, -1, -1):
            found = follows(text[index], text[index + 1])
            if found is None:
                end = index + 1
            elif step is not None and step != found:
                end = index + 2
            step = found
            ends[index] = max(ends[index], end)
    return ends


def _same_or_next(before: str, after: str) -> int | None:
    distance = ord(after) - ord(before)
    return distance if -1 <= distance <= 1 else None


def _neighbouring(before: str, after: str) -> int | None:
    if before not in _PLACES or after not in _PLACES:
        return None
    (row, column), (other_row, other_column) = _PLACES[before], _PLACES[after]
    # Keys touch those beside them, and two above and below, because each row is pushed half a key to the right.
    near = (
        abs(other_column - column) <= 1 if row == other_row else (other_column - column) * (other_row - row) in (-1, 0)
    )
    return 1 if near and abs(other_row - row) <= 1 else None


@cache
def _ranked() -> Mapping[str, float]:
    """Each word of the list with the guesses it takes, as a power of ten, if one begins with the most frequent."""
    text = (resources.files("howdah.auth") / "common_passwords.txt").read_text(encoding="ascii")
    ranked = {word: math.log10(rank) for rank, word in enumerate(text.split(), start=1)}
    for word in _MORE_WORDS.split():
        ranked.setdefault(word, _MORE_WORDS_GUESSES)
    return ranked


_MORE_WORDS_GUESSES: Final = 2.0
_MORE_WORDS: Final = (
    """
a i am an as at be by do go he if in is it me my no of oh ok on or so to up us we hi ya
all and any are bad big boy but bye can cat day did dog eat for fun get god got had has her him his hot how its let lol
man may mom dad me new not now old one our out own pet put red run sad say see she sex sir son sun the too top two use
war was way who why win yes yet you
"""
    """
away baby back been best both come cool dear ever from girl give good have hello here home hope into just keep know
last life like live long look love made make many mine more most much must name need next nice only open over pass
same some stay sure take tell than that them then they this time turn very want well went were what when will with
word work your
"""
    """
administrator superuser webmaster postgres superadmin basketball volleyball birthday facebook instagram linkedin
whatsapp youtube passphrase authentication correcthorsebatterystaple
"""
)
