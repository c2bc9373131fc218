"""The resources of the xAPI service, one module each. They speak HTTP; rules of statements and SQL live elsewhere."""
