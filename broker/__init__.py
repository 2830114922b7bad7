"""Préau: a federated identity and single sign-on broker for schools. See docs/map.md for where things live."""

__version__ = "0.1.0"
