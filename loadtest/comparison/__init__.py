"""The parts of `loadtest/compare`, one idea a file."""
