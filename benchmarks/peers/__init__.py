"""order_sync and the packages that it is compared with, each in a child process of its own."""
