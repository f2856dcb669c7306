"""Whatever a ``str`` can hold becomes text that UTF-8 can carry, and nothing else changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechwire.session._text_batch import TextBatch, TextIntake

SURROGATES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
ANY = st.text(st.characters() | SURROGATES | st.sampled_from("a 😀\ud83d\ude00�"), max_size=40)


def taken(pieces: list[str]) -> str:
    intake = TextIntake()
    return "".join([intake.take(piece) for piece in pieces]) + intake.finish()


def mended(text: str) -> str:
    """The same by hand: halves that meet are joined, one that is alone is replaced."""
    result, at = [], 0
    while at < len(text):
        pair = text[at : at + 2]
        if len(pair) == 2 and is_first(pair[0]) and is_second(pair[1]):
            result.append(pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le"))
            at += 2
        else:
            result.append("�" if is_first(pair[0]) or is_second(pair[0]) else pair[0])
            at += 1
    return "".join(result)


def is_first(character: str) -> bool:
    return "\ud800" <= character <= "\udbff"


def is_second(character: str) -> bool:
    return "\udc00" <= character <= "\udfff"


@given(ANY, st.lists(st.integers(0, 40), max_size=6))
def test_any_text_cut_anywhere_is_mended_in_the_same_way(text: str, cuts: list[int]) -> None:
    ends = sorted(cuts)
    pieces = [text[begin:end] for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    result = taken(pieces)
    assert result == mended(text)
    result.encode()


@given(st.text())
def test_text_that_utf8_carries_is_left_alone(text: str) -> None:
    assert taken([text]) == text
    assert taken(list(text)) == text


def test_a_flush_ends_the_wait_for_the_second_half() -> None:
    intake = TextIntake()
    assert intake.take("a\ud83d") == "a"
    assert intake.finish() == "�"
    assert intake.take("\ude00") == "�"
    assert intake.finish() == ""


@given(st.lists(st.text(max_size=9), min_size=1, max_size=6), st.integers(0, 6))
def test_a_batch_is_split_without_loss(texts: list[str], count: int) -> None:
    batch = TextBatch()
    for text in texts:
        batch.add(text)
    batch.closed = True
    whole = list(batch.pieces)
    rest = batch.split(count)
    assert batch.pieces + rest.pieces == whole
    assert (batch.closed, rest.closed) == (True, True)
    assert batch.has_words == any(map(str.isalnum, "".join(batch.pieces)))
    assert rest.has_words == any(map(str.isalnum, "".join(rest.pieces)))
