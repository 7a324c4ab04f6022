"""What a service counts of itself, in the text form of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Measures"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Measures:
    """Counters of one service; two services in a process have counters of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "pellucid_requests", "Requests, by path and status.", ["path", "status"], registry=self._registry
        )
        self.images = Counter(
            "pellucid_images", "Images: answered, unsure, or refused.", ["outcome"], registry=self._registry
        )
        self.seconds = Histogram(
            "pellucid_request_seconds", "Of requests for predictions.", buckets=SECONDS, registry=self._registry
        )
        self.batches = Histogram(
            "pellucid_batch_images", "Images computed together.", buckets=SIZES, registry=self._registry
        )
        self.open = Gauge("pellucid_requests_open", "Requests being answered.", registry=self._registry)

    def text(self) -> bytes:
        """Write all of them."""
        return generate_latest(self._registry)
