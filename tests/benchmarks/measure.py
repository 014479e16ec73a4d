"""How times are taken: in turns, so that both sides see the same machine, and as medians."""

import gc
import statistics
import time


def cpu(function):
    """Return the CPU seconds of one run of *function*."""
    gc.collect()
    start = time.process_time()
    function()
    return time.process_time() - start


def pairs(ours, floor, rounds):
    """Return the medians of CPU seconds of both sides, run in turns, and the median of the ratios."""
    ours(), floor()  # warm up
    taken = [(cpu(ours), cpu(floor)) for _ in range(rounds)]
    return (
        statistics.median(mine for mine, _ in taken),
        statistics.median(other for _, other in taken),
        statistics.median(mine / other for mine, other in taken),
    )
