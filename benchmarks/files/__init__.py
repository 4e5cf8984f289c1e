"""Compares the speed of file transfers with the hooks, with other HTTP clients and with curl."""
