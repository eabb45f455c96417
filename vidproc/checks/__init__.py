"""What `vidproc doctor` looks at. Nothing here changes the machine, or listens or writes for longer than a check.

A package with parts in C is imported by the check that needs it and not before: that it can't be is a finding, too.
"""
