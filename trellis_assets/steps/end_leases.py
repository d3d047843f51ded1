"""End leases whose holders have died: no other process decides by a clock whether a lease is alive."""

import logging
from dataclasses import dataclass, field

from trellis_assets.domain.leases import LeaseWatch
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, LeaseRepository


@dataclass(frozen=True, slots=True)
class EndLeasesStep:
    """Free the tasks and endpoints whose leases are no longer renewed, those of other miners too.

    Keep one for as long as the process lives, and run it every few seconds.
    """

    leases: LeaseRepository
    clock: Clock
    _claims: LeaseWatch = field(default_factory=LeaseWatch)
    _slots: LeaseWatch = field(default_factory=LeaseWatch)

    def run(self) -> None:
        """Look at every lease once; end those that were not renewed for a whole lease.

        One that is renewed between the look and the end stays.
        """
        now_s = self.clock.monotonic()
        held = self.leases.held()
        for claim in self._claims.ended(held.claims, now_s):
            if self.leases.end_claim(claim):
                audit("lease ended", level=logging.WARNING, task_key=claim.resource, run_id=claim.holder)
        for slot in self._slots.ended(held.slots, now_s):
            if self.leases.end_slot(slot):
                name, key = slot.resource, slot.holder
                audit("slot's lease ended", level=logging.WARNING, endpoint=name, task_key=key)
