"""The simulator: readings of a machine that is not there, at its pace or faster, sent to where real ones would go."""
