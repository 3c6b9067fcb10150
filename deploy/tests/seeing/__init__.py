"""Whether what is seen of the program can be seen: dashboard, rules and their data."""
