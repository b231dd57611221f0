"""What srstream costs and what it gains; not part of the package. See README.md."""
