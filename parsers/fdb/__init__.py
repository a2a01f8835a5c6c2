"""What can be said of a .fdb file of the product, whose format is not public: measured, compared, never decoded."""
