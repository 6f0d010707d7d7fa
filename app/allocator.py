"""The C library's allocator, set for a process that receives bodies."""

import ctypes
import sys

_MIB = 1024 * 1024
_M_TRIM_THRESHOLD = -1  # glibc's malloc.h
_M_MMAP_THRESHOLD = -3


def keep_receive_buffers() -> bool:
    """Let glibc reuse the memory of receive buffers instead of giving it back and fetching it anew; whether it was done.

    Each 256 KiB read is above glibc's first mmap threshold (128 KiB): every one costs a system call and 64 page
    faults, two thirds of all the CPU time that receiving a body takes. Blocks under 4 MiB now stay in the heap, of
    which at most 8 MiB stay unused; larger ones, such as the 19 MiB of a password hash, still go back at once.
    Elsewhere than on glibc there is nothing to set.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 4 * _MIB) and mallopt(_M_TRIM_THRESHOLD, 8 * _MIB))
