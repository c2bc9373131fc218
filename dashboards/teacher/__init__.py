"""The teacher's pages: who needs help and why, what the class has mastered, how it works, one student."""
