"""What the pages of several roles share: headers, notes, charts, tables, states. No queries and no roles here."""
