"""What tests share: small configs, files, panels, and the commands as a user calls them."""
