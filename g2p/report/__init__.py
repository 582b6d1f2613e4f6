"""Pages and figures: of a study, of a panel."""
