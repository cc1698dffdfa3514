"""Knowledge graphs and collaborative graphs."""
