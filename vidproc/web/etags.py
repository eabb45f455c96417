"""Whether somebody has already what is asked for (RFC 9110, 13)."""

from __future__ import annotations


def has_it(if_none_match: str, tag: str) -> bool:
    """By the header `If-None-Match`, empty where there was none; `tag` is what is here now, with its quotes."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in if_none_match.split(","))
