"""What `vidproc doctor` looks at. Nothing here changes the machine, or listens or writes for longer than a check."""
