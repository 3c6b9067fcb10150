"""What the examples share. Python 3.9 or later, its standard library, and `countersign`."""
