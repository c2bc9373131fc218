"""The student's own pages: what next and why, my week, my skills."""
