"""vidproc filters: what there is, and its parameters."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import vidproc.filters
from vidproc.cli import options


def main(argv: Sequence[str] | None = None) -> int:
    made = options.parser(
        "vidproc filters", "List the filters with their parameters.", "  vidproc filters\n  vidproc filters blur --json"
    )
    made.add_argument("name", nargs="*", help="only these")
    made.add_argument("--json", action="store_true", help="as an object of JSON Schemas, by the filters' names")
    given = made.parse_args(argv)
    return options.run(lambda: _show(given.name or vidproc.filters.names(), given.json))


def _show(names: Sequence[str], as_json: bool) -> int:
    if as_json:
        print(json.dumps({name: vidproc.filters.schema(name) for name in names}, indent=2))
    else:
        print("\n\n".join(map(vidproc.filters.describe, names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
