"""Probe endpoints: who is away, and who is back, is known to all who want to generate or to pull."""

import logging
from dataclasses import dataclass

from trellis_assets.domain.endpoints.descriptions import why_none_takes_work
from trellis_assets.domain.endpoints.endpoints import after_probe
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, Generator, Store


@dataclass(frozen=True, slots=True)
class ProbeEndpointsStep:
    """The step with what it works on."""

    store: Store
    generator: Generator
    clock: Clock

    def run(self) -> str | None:
        """Why no endpoint takes work now; None when one does."""
        probes = self.generator.probe()
        now = self.clock.now()
        pool = self.store.endpoints.named(self.generator.endpoints, now)
        seen = {probe.endpoint: probe for probe in probes}
        news = [seen[e.name] for e in pool if e.name in seen and after_probe(e, seen[e.name], now) is not e]
        if news:
            was_away = {endpoint.name for endpoint in pool if endpoint.breaker.is_unreachable}
            self.store.endpoints.record_probes(news, now)
            pool = self.store.endpoints.named(self.generator.endpoints, now)
            for probe in news:
                if (probe.trouble is not None) != (probe.endpoint in was_away):
                    _tell(probe.endpoint, probe.trouble)
        return why_none_takes_work(pool, now)


def _tell(endpoint: str, trouble: str | None) -> None:
    if trouble is None:
        audit("generation endpoint is back", endpoint=endpoint)
    else:
        audit("generation endpoint is away", level=logging.WARNING, endpoint=endpoint, reason=trouble)
