"""The analyst's pages: SQL over the snapshot in the sandbox, and the catalogue of what there is to ask."""
