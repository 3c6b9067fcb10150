"""The parts of `deploy/tests/migrating/run`, one idea a file."""
