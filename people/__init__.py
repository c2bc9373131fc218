"""Who is who, who teaches, guards and leads whom, and therefore who may see which rows. Imports only `learnlake`."""
