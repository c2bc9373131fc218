"""The principal's pages: the school by class and grade, without names, small groups masked."""
