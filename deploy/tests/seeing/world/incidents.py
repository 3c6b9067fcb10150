"""What happens in a run, and when."""

import sys
import time
from dataclasses import dataclass
from typing import Callable

from .configuration import configuration
from .scene import Scene
from .traffic import Traffic

SECONDS = 40


@dataclass(frozen=True)
class Incident:
    at: float
    name: str
    begin: Callable[[], None]


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
    return [
        Incident(6, "bad tokens", lambda: traffic.bad_tokens(6)),
        Incident(9, "dead service", lambda: traffic.dead_service(5)),
        Incident(13, "provider fails", lambda: setattr(scene.provider, "fails", True)),
        Incident(18, "provider is back", lambda: setattr(scene.provider, "fails", False)),
        Incident(19, "refused reload", lambda: scene.reload(sound.replace("[issuers.corp]", "["))),
        Incident(21, "slow service, many clients", lambda: slow_service(scene, traffic)),
        Incident(24, "reload", lambda: scene.reload(sound.replace("5/s", "3/s"))),
        Incident(25, "service is back", lambda: setattr(scene.service, "delay", 0.003)),
        Incident(27, "slow uploads", lambda: traffic.uploads(4)),
        Incident(30, "floods", traffic.flood),
        Incident(34, "store is lost", scene.store.stop),
    ]


def slow_service(scene: Scene, traffic: Traffic):
    scene.service.delay = 0.3
    traffic.crowd(4)
