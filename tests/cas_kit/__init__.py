"""A conformance kit for CAS servers: what the text of the CAS Protocol 3.0.3 asks, each assertion named by its clause.

It can be pointed at any server. `CAS_KIT_DRIVER=package.module:function` names a context manager that yields a
`Server` (see `server.py`); without it, the kit runs against Préau in this very process. `CAS_KIT_RECORD=FILE` writes
down what was found, so that the result of another server can be kept honestly.
"""
