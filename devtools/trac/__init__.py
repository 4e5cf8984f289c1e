"""TRAC's own job runtime on this machine; see README.md in this folder."""
