"""What commands printed of a machine or a cluster, saved as text: `systeminfo`, `cluster group`, `res`, `node`."""
