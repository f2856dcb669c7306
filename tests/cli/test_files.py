"""Files that commands write as the data comes: always with everything so far, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechwire.cli._files import GrowingFile


def test_a_growing_file_has_everything_at_once() -> None:
    file = GrowingFile(Path("out.txt"))
    for text, whole in (("one\n", "one\n"), ("", "one\n"), ("zwölf\n", "one\nzwölf\n")):
        file.write(text)
        assert Path("out.txt").read_text(encoding="utf-8") == whole
    file.close()
    file.close()


def test_a_file_is_kept_until_there_is_something_to_write() -> None:
    Path("out.txt").write_text("of before")
    file = GrowingFile(Path("out.txt"))
    assert Path("out.txt").read_text() == "of before"
    file.write("")
    assert Path("out.txt").read_text() == ""
    file.close()


def test_what_no_encoding_has_is_written_in_words() -> None:
    file = GrowingFile(Path("out.txt"))
    file.write("half of \ud83d\n")
    assert Path("out.txt").read_bytes() == b"half of \\ud83d\n"
    file.close()


def test_where_nothing_can_be_written_is_named() -> None:
    with pytest.raises(OSError, match="there is no folder nowhere") as raised:
        GrowingFile(Path("nowhere/out.txt")).write("one")
    assert raised.value.filename == "nowhere/out.txt"
