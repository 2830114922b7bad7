"""The directory: from what feeds deliver to records, persons, guardianships and enrolments.

Owns: the walk of an import and every decision in it (which run, mass-change guard, what a chunk writes, whose records
these are); decisions are pure functions of values. Must not know: file formats, SQL, web requests, protocols.
"""

from broker.directory.feed_import import ImportReport, ImportRules, Intent, Progress, import_feed, refuse_to_wait

__all__ = ["ImportReport", "ImportRules", "Intent", "Progress", "import_feed", "refuse_to_wait"]
