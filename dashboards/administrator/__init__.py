"""The administrator's pages: is everything arriving, agreeing and passing its checks, and which sections lack a teacher."""
