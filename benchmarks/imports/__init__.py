"""What the modules of this package and of its peers cost a DAG file and the triggerer."""
