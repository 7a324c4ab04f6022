"""A frozen backbone: its features of each image, computed once, and a last layer fitted to them instead of steps.

`features` computes and keeps the features, `logistic` is the mathematics of the fit, `strength` chooses how strongly
weights are held down, `last_layer` does all of it for a session.
"""
