"""OneRoster 1.1 and 1.2 CSV, from a folder or zip into people.db: validated whole, then written in one transaction.

`binding` is the standard as data, `files` reads, `check` judges, `shape` turns into rows, `persons` finds who is who,
`plan` compares and writes. `pull` reads the same from a OneRoster 1.2 REST service, `provider` tells it back.
"""

from people.oneroster.importing import RosterReport, TableCounts, import_roster

__all__ = ["RosterReport", "TableCounts", "import_roster"]
