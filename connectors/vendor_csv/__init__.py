"""The vendor's list: the logins that a product gave to the pupils or the adults of one school, as a CSV table.

Owns: how the operator declares which column means what, and records that can only resemble others: a vendor states no
identifier of ours, no relation and no right.
Must not know: the database, persons, what is already stored, any other connector.
"""

from connectors.vendor_csv.columns import VendorColumns
from connectors.vendor_csv.feed import VendorCsvFeed
from connectors.vendor_csv.people import login_key

__all__ = ["VendorColumns", "VendorCsvFeed", "login_key"]
