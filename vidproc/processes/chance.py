"""Chance that begins alike for equal work, in whichever process it is done."""

from __future__ import annotations

import ctypes
import random

import cv2
import numpy as np

_LIBC = ctypes.CDLL(None)


def seed(number: int) -> None:
    """Some of OpenCV's models, and functions of users' own, draw from generators that belong to the process, and so
    would depend on what else it has done."""
    random.seed(number)
    np.random.seed(number)
    cv2.setRNGSeed(number)
    _LIBC.srand(number)
