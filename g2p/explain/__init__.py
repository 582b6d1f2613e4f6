"""What a fitted model found: effects of loci, interactions, variance, and how they agree."""
