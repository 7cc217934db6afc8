"""order_sync once, with a look at where the time goes: a child of benchmarks/client_cost.py."""

from __future__ import annotations

import sys

from benchmarks.peers.sampler import Sampler

if __name__ == "__main__":
    sampler = Sampler()  # before anything else is imported

    import json
    import time

    from benchmarks.peers.child import REPORT
    from benchmarks.peers.memory import peak_mb

    started = time.perf_counter()
    from benchmarks.peers import ours

    imported = time.perf_counter()
    report = ours.run()
    report |= {
        "imports": imported - started,
        "seconds": time.perf_counter() - imported,
        "parts": sampler.stop(),
        "peak_rss_mb": peak_mb(),
    }
    REPORT.write_text(json.dumps(report), encoding="utf-8")
    sys.exit(1 if report["failures"] else 0)
