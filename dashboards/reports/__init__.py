"""Reports as PDF: for a parents' evening, and for who answers for a school. What stands in them is what the pages show."""
