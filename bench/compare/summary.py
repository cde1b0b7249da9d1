# SPDX-License-Identifier: MIT
"""
Summary: what the figures of a comparison mean.

A ratio is to the best allocator of its row, so that 1 is the best there is. Means are geometric,
and over the workloads that every allocator passed: means over different workloads could not be
compared. An allocator that passed nothing at all does not take part in that. The floor, which is no
allocator, is never the best of a row, and has no say in what everybody passed.

Not here: measuring, and how it is shown.
"""

import math

from contenders import BASELINE

TIME, PEAK = "time", "peak"
METRICS = (TIME, PEAK)
TIME_S_MIN = 1e-6  # below that a clock tells nothing


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


class Summary:
    """The figures of one comparison, seen by row, by family, and as a whole."""

    def __init__(self, comparison):
        self.comparison = comparison
        self.workloads = comparison.workloads
        self.contenders = comparison.contenders
        self.allocators = [one for one in self.contenders if not one.is_floor]
        self.passing = [one for one in self.allocators
                        if any(self.is_ok(workload, one) for workload in self.workloads)]
        self.families = list(dict.fromkeys(workload.family for workload in self.workloads))

    # ---- one row

    def is_ok(self, workload, contender):
        return self.comparison.cell(workload, contender).is_ok

    def metric(self, workload, what):
        """The name of the figure that is meant."""
        if what == PEAK:
            return "peak_rss_bytes"
        return workload.time_metric or self.comparison.arguments.time + "_s"

    def value(self, workload, contender, what):
        """A median, or None when the allocator did not pass."""
        if not self.is_ok(workload, contender):
            return None
        value = self.comparison.cell(workload, contender).median(self.metric(workload, what))
        return max(value, TIME_S_MIN) if what == TIME else value

    def best(self, workload, what, among=None):
        """(value, contender) of the best allocator in a row, or None."""
        found = [(self.value(workload, one, what), one) for one in among or self.allocators]
        return min((pair for pair in found if pair[0]), key=lambda pair: pair[0], default=None)

    def ratio(self, workload, contender, what):
        """To the best of the row, or None."""
        best = self.best(workload, what)
        value = self.value(workload, contender, what)
        return value / best[0] if best and value else None

    def spread(self, workload, what=TIME):
        """The largest among the allocators of a row, or None."""
        spreads = [self.comparison.cell(workload, one).spread(self.metric(workload, what))
                   for one in self.allocators if self.is_ok(workload, one)]
        return max((spread for spread in spreads if spread is not None), default=None)

    # ---- means

    def common(self, family=None):
        """The workloads of a family, or all, that everybody passed."""
        return [workload for workload in self.workloads
                if family in (None, workload.family) and self.passing
                and all(self.is_ok(workload, one) for one in self.passing)]

    def of_family(self, family=None):
        return [workload for workload in self.workloads if family in (None, workload.family)]

    def mean(self, contender, what, family=None):
        """The geometric mean of an allocator's ratios, or None."""
        if contender.is_floor:
            rows = [workload for workload in self.common(family) if self.is_ok(workload, contender)]
            if family is None or len(rows) < len(self.common(family)):
                return None
        elif contender not in self.passing:
            return None
        return geometric_mean([self.ratio(workload, contender, what)
                               for workload in self.common(family)])

    def baseline(self):
        """The allocator the others are also compared with, or None when it is not there."""
        return next((one for one in self.passing if one.name == BASELINE), None)

    def mean_to_baseline(self, contender, what, family=None):
        own = self.mean(contender, what, family)
        base = self.baseline() and self.mean(self.baseline(), what, family)
        return own / base if own and base else None

    # ---- allot beside its best peers

    def peer_best(self, what):
        """(mean, contender) of the peer with the best mean, or None."""
        found = [(self.mean(one, what), one) for one in self.passing if one.is_peer]
        return min((pair for pair in found if pair[0]), key=lambda pair: pair[0], default=None)

    def row_worst(self, contender):
        """(ratio, workload, peer): where the allocator loses most time to its best peer."""
        peers = [one for one in self.passing if one.is_peer]
        found = []
        for workload in self.workloads:
            best = self.best(workload, TIME, peers) if peers else None
            value = self.value(workload, contender, TIME)
            if best and value:
                found.append((value / best[0], workload, best[1]))
        return max(found, key=lambda row: row[0], default=None)

    def verdict(self, contender):
        """What is to be said about an allot, or None while there is nothing to compare."""
        time, peak, row = self.peer_best(TIME), self.peer_best(PEAK), self.row_worst(contender)
        own_time, own_peak = self.mean(contender, TIME), self.mean(contender, PEAK)
        if not (time and peak and row and own_time and own_peak):
            return None
        return {"time": own_time / time[0], "time_peer": time[1].name,
                "peak": own_peak / peak[0], "peak_peer": peak[1].name,
                "worst_row": row[1].name, "worst_ratio": row[0], "worst_peer": row[2].name}
