"""Message files: the texts of event messages in the resources of Windows programs and libraries."""
