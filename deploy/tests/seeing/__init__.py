"""Runs the queries of the dashboard and the rules against a real Prometheus."""
