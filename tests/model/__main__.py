"""``python -m tests.model SEED`` plays one story; without a seed, many (``make chaos``)."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.model.author import write
from tests.model.chaos import chaos
from tests.model.player import play
from tests.model.shrink import shrunk
from tests.model.story import Story


def main() -> int:
    """The exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="play and show the story of this seed")
    parser.add_argument("--whole", action="store_true", help="show it as it is, not cut down")
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first story")
    parser.add_argument("--write", metavar="FILE", help="write the summary here")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.seed is None:
        return chaos(arguments.first, arguments.stories, arguments.write)
    return show(write(arguments.seed), whole=arguments.whole)


def show(story: Story, *, whole: bool) -> int:
    """Print it as a timeline, cut down if it fails."""
    broken = play(story).broken
    if broken and not whole:
        story = shrunk(story, broken[0].promise)
    outcome = play(story, trace=True)
    print(described(story))
    print("\n".join(outcome.timeline))
    for one in outcome.broken:
        print(f"BROKEN {one}")
    return 1 if outcome.broken else 0


def described(story: Story) -> str:
    """What decides the run, a line each."""
    turns = ", ".join(f"{begin / 4:g}-{end / 4:g} s" for begin, end in story.turns)
    lines = [f"seed {story.seed}, {story.endpoint}; speech at {turns or 'no time'}"]
    lines += [f"settings {story.settings}, options {story.options}"]
    lines += [
        f"converter {story.chunk_ms} ms, window {story.window_bytes} bytes, consumer {story.consumer_s} s"
    ]
    lines += [f"connection {number}: {fate}" for number, fate in enumerate(story.fates)]
    lines += [f"later connections: {story.rest}", f"no connection at {story.outages or 'no time'}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
