"""`order-sync ...`: the commands, what they print, and how they run the job."""
