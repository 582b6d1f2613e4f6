"""A study's report: one page, its figures and the tables behind them."""
