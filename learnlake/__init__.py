"""The ground floor: settings, home folder, logging, errors, identifiers, the clock, the audit trail's append, what crosses all rooms.

Every room may import this package; it imports none of them.
"""

__version__ = "0.1.0"
