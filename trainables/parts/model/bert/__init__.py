"""BERT's layers in a few large operators with a backward pass of their own.

Between the matrix products of a short sentence, most of a training step is overhead; fewer and
larger operators reduce it. The mathematics is that of transformers' `BertModel`, dropout included
(https://arxiv.org/abs/1810.04805: norms after the residual sums, exact GELU). The top layer
computes the first token only, since nothing else of it is used.

Padding costs nothing outside attention: everything else works on the N real tokens of a mini-batch,
so sentences need not be sorted by length.

Shape letters: N tokens, B sentences, T tokens of the longest, R tokens of a sentence that a layer
computes (T, but 1 in the top layer), D width, H heads of d = D / H components, F width of the
feed-forward network.
"""
