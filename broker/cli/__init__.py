"""The `preau` command, one module a family, one function a sub-command.

Owns: arguments, what is printed, exit codes (0 done, 1 refused or failed, 2 usage). Must not know: SQL, HTTP, rules;
a sub-command reads settings, asks `broker.stores` (`serve`: `broker.app`) for parts, calls one, prints what came of it.
"""
