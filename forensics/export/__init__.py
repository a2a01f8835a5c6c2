"""A case in the forms that other tools read: Timesketch, log2timeline's CSV, the Sleuth Kit's bodyfile."""
