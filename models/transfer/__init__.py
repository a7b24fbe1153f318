"""Ways of carrying a pretrained model over to a downstream, one file each."""
