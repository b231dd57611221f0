"""The models that come with the program, and models from files."""
