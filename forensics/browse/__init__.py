"""A case described for Datasette: what its tables hold, and questions ready to be asked."""
