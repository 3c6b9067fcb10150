"""The proxies that are compared, each with the configuration it is compared in."""
