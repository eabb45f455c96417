"""vidproc filters: what there is, and its parameters."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import vidproc.filters
from vidproc.cli import options


def main(argv: Sequence[str] | None = None) -> int:
    made = options.parser(
        "vidproc filters", "List the filters with their parameters.", "  vidproc filters\n  vidproc filters blur"
    )
    made.add_argument("name", nargs="*", help="only these")
    given = made.parse_args(argv)

    def show() -> int:
        print("\n\n".join(vidproc.filters.describe(name) for name in given.name or vidproc.filters.names()))
        return 0

    return options.run(show)


if __name__ == "__main__":
    sys.exit(main())
