"""A person's rights over all rooms: a copy of everything held, and erasure with its scan and receipt."""
