# The HTTP front: Kore from its installed sources with our patches and code.
.PHONY: front
front:
