"""A pretrained model answers by itself: it fills in blanks, goes on with a text, or gives a text's vector."""
