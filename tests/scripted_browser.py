"""The browser without a screen of the demo town, as tests know it."""

from broker.demo.scripted_browser import Form, Link, Page, ScriptedBrowser

__all__ = ["Form", "Link", "Page", "ScriptedBrowser"]
