"""Who works on what, when: a pure state machine. See `scheduler`."""
