"""A scenario: prints each step, checks its outcome, and cleans up at its end."""

import argparse
import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile

from .client import UnexpectedResponse
from .process import Process, ProcessError


class Scenario:
    """What a `run` works with: a folder of its own, things to stop at the end, and checks."""

    def __init__(self, stack, folder):
        self.folder = folder
        self._stack = stack
        self._processes = []
        self.failures = 0

    def start(self, service):
        """Starts a service or a gateway that is stopped at the end of the scenario."""
        started = self._stack.enter_context(service)
        if isinstance(started, Process):
            self._processes.append(started)
        return started

    def note(self, text):
        print(f"      {text}")

    def heading(self, text):
        print(f"\n{text}")

    def expect(self, what, got, wanted):
        """One line: what happened, and whether it is as expected."""
        if got == wanted:
            print(f"  ok  {what}: {shown(got)}")
            return
        self.failures += 1
        print(f"FAIL  {what}: {shown(got)}, expected {shown(wanted)}")

    def check(self, what, holds):
        self.expect(what, bool(holds), True)

    def expect_refusal(self, what, gateway, response, status, reason):
        """The gateway refused a request itself, for that reason."""
        self.expect(what, (response.status, gateway.reason(response)), (status, reason))

    def explain_failure(self):
        for process in self._processes:
            print(f"\nThe end of the log of {process.name}:\n{process.log_tail()}", file=sys.stderr)


def shown(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    parts = value if isinstance(value, tuple) else (value,)
    return " ".join(str(part) for part in parts)


def main(title, play):
    """Runs `play(scenario)`; the exit code is 0 only if everything was as expected."""
    keep = parse_arguments(title).keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    sys.stdout.reconfigure(line_buffering=True)  # in order with what goes to standard error
    print(title)
    folder = new_folder(keep)
    try:
        failures = run(play, folder)
    finally:
        if keep is None:
            shutil.rmtree(folder)
    print("\npassed" if failures == 0 else f"\nFAILED: {failures} not as expected")
    sys.exit(1 if failures else 0)


def parse_arguments(title):
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--keep", metavar="FOLDER", type=pathlib.Path,
                        help="keep keys, journals and logs in this new folder")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        parser.error(f"{arguments.keep} exists; --keep takes a new folder")
    return arguments


def run(play, folder):
    with contextlib.ExitStack() as stack:
        scenario = Scenario(stack, folder)
        try:
            play(scenario)
        except (ProcessError, UnexpectedResponse) as error:
            sys.exit(f"FAILED: {error}")
        except Exception:
            scenario.explain_failure()
            raise
        if scenario.failures:
            scenario.explain_failure()
        return scenario.failures


def new_folder(keep):
    if keep is None:
        return pathlib.Path(tempfile.mkdtemp(prefix="countersign-example-"))
    keep.mkdir(parents=True, mode=0o700)
    return keep.resolve()
