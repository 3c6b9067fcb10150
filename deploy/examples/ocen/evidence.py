"""What the journal of a participant's Countersign holds, and whether it can be trusted."""

import json

from lib import countersign


def requests(participant):
    """The lines about requests, the oldest first."""
    lines = [line for file in files(participant) for line in file.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["type"] == "request"]


def files(participant):
    return sorted((participant.state / "evidence").glob("*.jsonl"))


def verify(participant, *options, journal=None):
    """The exit code of `countersign evidence verify`, and what it prints."""
    journal = journal or files(participant)
    keys = participant.journal_key.jwks_file
    done = countersign.run("evidence", "verify", *journal, "--key", keys, *options, check=False)
    return done.returncode, done.stdout.decode().strip()


def altered_copy(participant, folder):
    """The journal with the signer of a line changed, as an insider might."""
    folder.mkdir()
    copies = []
    for file in files(participant):
        copy = folder / file.name
        copy.write_text(file.read_text().replace('"signer":"3051"', '"signer":"3052"', 1))
        copies.append(copy)
    return copies
