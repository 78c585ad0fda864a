"""What people and machines see over HTTP: page, live feed, API."""
