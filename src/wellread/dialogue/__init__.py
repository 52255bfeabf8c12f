"""Chat formats and passages laid into prompts; the loss mask is decided here.

One renderer makes training examples and prompts, so that what is trained is what is served.
"""
