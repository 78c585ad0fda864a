"""What the README claims, measured: see bench/README.md."""
