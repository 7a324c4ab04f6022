"""A frozen backbone: its features of each image, computed once, and a last layer fitted to them instead of steps.

Its last stages may be fine-tuned after that, by the steps of every training; `judging` says whether it was for the
better.

`features` computes and keeps the features, `logistic` is the mathematics of the fit, `strength` chooses how strongly
weights are held down, `last_layer` does all of it for a session.
"""
