"""Probe endpoints: store which are unreachable and which are back, for all who generate or poll."""

import logging
from dataclasses import dataclass

from trellis_assets.domain.endpoints.descriptions import why_none_takes_work
from trellis_assets.domain.endpoints.endpoints import after_probe
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, EndpointRepository, Generator


@dataclass(frozen=True, slots=True)
class ProbeEndpointsStep:
    """Send a health probe to every endpoint of the generator, and store what is new."""

    endpoints: EndpointRepository
    generator: Generator
    clock: Clock

    def run(self) -> str | None:
        """Return why no endpoint takes work now; None if one does."""
        probes = self.generator.probe()
        now = self.clock.now()
        pool = self.endpoints.named(self.generator.endpoints)
        seen = {probe.endpoint: probe for probe in probes}
        news = [seen[e.name] for e in pool if e.name in seen and after_probe(e, seen[e.name], now) is not e]
        if news:
            was_unreachable = {endpoint.name for endpoint in pool if endpoint.breaker.is_unreachable}
            self.endpoints.record_probes(news, now)
            pool = self.endpoints.named(self.generator.endpoints)
            for probe in news:
                if (probe.trouble is not None) != (probe.endpoint in was_unreachable):
                    _report(probe.endpoint, probe.trouble)
        return why_none_takes_work(pool, now)


def _report(endpoint: str, trouble: str | None) -> None:
    if trouble is None:
        audit("generation endpoint is back", endpoint=endpoint)
    else:
        audit("generation endpoint is away", level=logging.WARNING, endpoint=endpoint, reason=trouble)
