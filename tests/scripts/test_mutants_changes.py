"""What becomes of a line, and where the probes stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.mutants import probes
from scripts.mutants.operators import mutants_of
from scripts.mutants.parts import PARTS
from tests.scripts.tiny_tree import ROOT, write


def changes(tmp_path: Path, source: str) -> list[tuple[str, str, str]]:
    """Function, line and change of each mutant that is another program."""
    path = tmp_path / "module.py"
    write(path, source)
    text = path.read_text(encoding="utf-8")
    found = [mutant for mutant in mutants_of(path, tmp_path) if mutant.applied_to(text)]
    return [(mutant.function, mutant.line, mutant.change) for mutant in found]


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("a = b < c", ["a = b <= c"]),
        ("a = b <= c", ["a = b < c"]),
        ("a = b == c", ["a = b != c"]),
        ("a = b is not c", ["a = b is c"]),
        ("a = b not in c", ["a = b in c"]),
        ("a = b in c", ["a = b not in c"]),
        ("a = index in within", ["a = index not in within"]),
        ("a = b and c or d", ["a = b or c or d", "a = b and c and d"]),
        ("a = not b", ["a = (b)"]),
        ("a = b + c * d", ["a = b - c * d", "a = b + c / d"]),
        ("a = é << 1", ["a = é >> 1", "a = é << 2"]),
        ("a = 0.5", ["a = 1.0"]),
        ("a = 0.0", ["a = 1.0"]),
        ("a = True", ["a = False"]),
        ('a = "x"', ['a = "xXX"']),
        ('a = ""', []),
        ("a = None", []),
        ("a = [b for b in c if b]", ["a = [b for b in c if not (b)]"]),
        ("a = b if c else d", ["a = b if not (c) else d"]),
        ("a = f(b, c=d)", ["a = f(b)"]),
        ("a = f(c=d)", ["a = f()"]),
        ("a = f(c=d, e=g)", ["a = f(e=g)", "a = f(c=d)"]),
        ("a = min(b)", ["a = max(b)"]),
        ("a = any(b)", ["a = all(b)"]),
        ("f()", ["pass"]),
        ("del a", ["pass"]),
        ("raise a", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a[b] = c", ["pass"]),
        ("a = b", []),
        ("a += b", ["pass"]),
        ("import a", []),
        ('"""Words."""', []),
        ('__all__ = ["a"]', []),
        ('T = TypeVar("T")', []),
        ("a: Literal[1] = b", []),
    ],
)
def test_what_becomes_of_a_line(tmp_path: Path, line: str, becomes: list[str]) -> None:
    assert changes(tmp_path, line) == [("", line, change) for change in becomes]


def test_what_becomes_of_statements_in_their_places(tmp_path: Path) -> None:
    source = """
    class Peer:
        async def aclose(self, *, now: bool = False) -> None:
            if self.gone:
                return
            await self.ws.close(
                code
            )
            for _ in self.rest:
                if not now:
                    break
                continue
            return
    """
    name = "Peer.aclose"
    assert changes(tmp_path, source) == [
        (
            name,
            "async def aclose(self, *, now: bool = False) -> None:",
            "async def aclose(self, *, now: bool = True) -> None:",
        ),
        (name, "if self.gone:", "if not (self.gone):"),
        (name, "return", "pass"),
        (name, "await self.ws.close( code )", "pass"),
        (name, "if not now:", "if (now):"),
        (name, "break", "continue"),
        (name, "continue", "break"),
    ]


def test_every_mutant_of_this_project_is_named_by_its_place_and_changes_nothing_else() -> None:
    for part in PARTS.values():
        path = part.files(ROOT)[-1]
        source = path.read_text(encoding="utf-8")
        for mutant in mutants_of(path, ROOT)[:50]:
            start, end = mutant.span
            changed = mutant.applied_to(source)
            assert changed is None or changed.startswith(source[:start] + mutant.text)
            assert changed is None or changed.endswith(source[end:])
            assert source.splitlines()[mutant.number - 1].strip() in mutant.line


BLOCKS = '''
"""Words."""
from __future__ import annotations
class A:
    size = 1
    @property
    def a(self):
        """Words."""
        if self.b:
            return 1
        elif self.c:
            try:
                with self.d:
                    return 2
            except KeyError:
                @decorated
                def inner(): return 3
        else:
            match self.e:
                case 1:
                    return 4
    def nothing(self):
        """Words."""
    def short(self): return 5
LIMIT = 1
"""Words."""
'''


def test_a_probe_stands_at_the_start_of_each_block_of_a_function() -> None:
    source = BLOCKS.strip("\n") + "\n"
    blocks = probes.blocks_of(source)
    assert [(block.first, block.last) for block in blocks] == [
        (8, 20),
        (9, 9),
        (11, 16),
        (12, 13),
        (13, 13),
        (15, 16),
        (18, 20),
        (20, 20),
    ]
    probed = probes.probed(source, 40)
    without = [line for line in probed.splitlines() if "_probes" not in line]
    assert without == source.splitlines()
    assert probed.splitlines()[2] == "import _mutants_probes as _probes"
    assert probed.count("in _probes.seen or _probes.reached(") == len(blocks)
    compile(probed, "probed", "exec")
