"""Forwarding: stored statements go on to other LRSs and to webhooks, at least once, in the order they were stored."""
