"""The worker daemon: it dials the coordinator, owns the slots, and hands each lease to the slot it names."""
