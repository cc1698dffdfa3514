"""The closing report of a run, for the terminal and as JSON."""
