"""`make guard`: has anything become dearer than it was?

Wall time needs an idle machine; this doesn't. Each workload is a small, always equal piece of vidproc's own work in one
process. Where valgrind is installed its instructions are counted, which come out the same to a hair however busy the
machine is. Elsewhere its processor time is held against that of a calibration loop that takes turns with it. What they
were is stored in benchmarks/baseline.json; a workload that exceeds it by more than the tolerance is named.
"""
