"""Studies: a named set of runs, from one YAML file to a compared, drawn and published result."""
