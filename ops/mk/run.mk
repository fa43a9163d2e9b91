# Running the system: make run, up, down.
