"""What the demo adds to the shipped programs: a provider that plays the phones."""
