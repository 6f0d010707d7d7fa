"""Where bytes are kept: the seam between Satchel and disks, buckets and memory. It knows no models and no users."""
