"""The machine: which cores belong to whom, and what it is, for the report."""

import os
import platform
import resource

# One connection is a file on both sides of a proxy, and some scenarios open 10,000.
WANTED_FILES = 65_536


class TooFewCores(Exception):
    """A proxy that shares its core with the load says nothing about the proxy."""


class Cores:
    """The first core for the proxy under test, the others for the load and the upstream."""

    def __init__(self):
        available = sorted(os.sched_getaffinity(0))
        if len(available) < 2:
            raise TooFewCores("two cores are needed: one for the proxy, one for the load")
        self.proxy = {available[0]}
        self.load = set(available[1:])
        self.two = set(available[:2])
        self.count = len(available)


def raise_file_limit():
    """As many open files as are allowed, for this process and all that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < WANTED_FILES:
        try:
            return resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED_FILES, WANTED_FILES))
        except (ValueError, PermissionError):
            return resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED_FILES, hard))


def description() -> dict:
    """What a reader of the figures has to know about where they come from."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
