"""How to share a stretch of frames that has only one seek point, far behind, among several slots.

A slot X stands at rank x (less than the stretch's first rank while it has other work before it) and can go straight
on. A newcomer that begins at rank s first decodes from the seek point to s, at c times the cost of a processed frame.
Count ranks from the seek point, and let the m slots be X up to s1, then newcomers from s1 to s2, s2 to s3, ... up to
the end. All finish after the same time T if

    s1 = x + T      and      c s_i + (s_(i+1) - s_i) = T,   that is   s_(i+1) = T + r s_i   with r = 1 - c,

and the last of these, s_m, is the end. So end = r^(m-1) x + T (1 + r + ... + r^(m-1)), which gives T and s1.
"""

from __future__ import annotations


def split_point(position: float, end: float, seek: float, slots: int, lead_in_cost: float) -> float:
    """The rank where the first newcomer should begin, `slots` counting the one at `position` too."""
    ratio = 1.0 - lead_in_cost
    x, last = position - seek, end - seek
    time = (last - ratio ** (slots - 1) * x) / sum(ratio**i for i in range(slots))
    return seek + x + time
