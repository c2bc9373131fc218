"""Where statements come from when no LMS is connected: the sample school and the public data sets. Over HTTP only."""
