"""Knowledge graphs: files of triples and links to one graph of integer ids."""
