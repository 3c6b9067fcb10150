"""What happens in a run, and when."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from .configuration import configuration
from .scene import Scene
from .traffic import Traffic

SECONDS = 40
# What is so for the whole run: a certificate and a list near their end, an endpoint without a
# program, clients that claim to be others.
STANDING_ALERTS = {
    "CountersignCertificateExpires",
    "CountersignEndpointsEjected",
    "CountersignIdentityHeadersForged",
    "CountersignRevocationListIsDue",
}
# What may be raised besides: there is no target where rules are evaluated before the first scrape,
# and a machine may be busy with other things.
ALERTS_BY_CHANCE = {
    "CountersignAbsent",
    "CountersignEvidenceIsSlow",
    "CountersignLatencyBudgetBurns",
    "CountersignLatencyBudgetBurnsFast",
    "CountersignSlow",
    "CountersignStoreIsSlow",
}


@dataclass(frozen=True)
class Incident:
    at: float
    name: str
    begin: Callable[[], None]
    # The ends of the names of the alerts that it raises.
    alerts: tuple[str, ...] = ()


DEAD_SERVICE = ("UpstreamFails", "ServiceFails")
NO_VERDICT = (
    "IntrospectionFails",
    "CannotDecide",
    "DecisionBudgetBurnsFast",
    "DecisionBudgetBurns",
)


def expected_alerts(incidents: list[Incident]) -> set[str]:
    raised = {f"Countersign{name}" for incident in incidents for name in incident.alerts}
    return raised | STANDING_ALERTS


def play(scene: Scene, traffic: Traffic) -> list[Incident]:
    """All of them, one after another. Returns what happened, for the picture."""
    began, incidents = time.monotonic(), schedule(scene, traffic)
    traffic.start()
    for incident in incidents:
        time.sleep(max(0.0, began + incident.at - time.monotonic()))
        print(f"… {incident.at:2.0f} s: {incident.name}", file=sys.stderr, flush=True)
        incident.begin()
        scene.program.check_alive()
    time.sleep(max(0.0, began + SECONDS - time.monotonic()))
    traffic.stop()
    return incidents


def schedule(scene: Scene, traffic: Traffic) -> list[Incident]:
    sound = configuration(scene.ports)
    broken = sound.replace("[issuers.corp]", "[")
    return [
        Incident(6, "bad tokens", lambda: traffic.bad_tokens(6)),
        Incident(9, "dead service", lambda: traffic.dead_service(5), DEAD_SERVICE),
        Incident(13, "provider fails", lambda: setattr(scene.provider, "fails", True), NO_VERDICT),
        Incident(18, "provider is back", lambda: setattr(scene.provider, "fails", False)),
        Incident(19, "refused reload", lambda: scene.reload(broken), ("ReloadRefused",)),
        Incident(
            21, "slow service, many clients", lambda: slow_service(scene, traffic), ("UpstreamBusy",)
        ),
        Incident(24, "reload", lambda: scene.reload(sound.replace("5/s", "3/s"))),
        Incident(25, "service is back", lambda: setattr(scene.service, "delay", 0.003)),
        Incident(27, "slow uploads", lambda: traffic.uploads(4), ("BuffersAreFull",)),
        Incident(30, "floods", traffic.flood, ("ConnectionsRefused",)),
        Incident(34, "store is lost", scene.store.stop, ("StoreIsLost", "DependencyMissing")),
    ]


def slow_service(scene: Scene, traffic: Traffic):
    scene.service.delay = 0.3
    traffic.crowd(4)
