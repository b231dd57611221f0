"""How close an enlargement comes to the original."""
