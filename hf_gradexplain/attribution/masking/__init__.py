"""Methods that estimate scores from random masked copies of a text, with standard errors.

To add a method, write a subclass of `source.SampledSource` with the methods `estimate(game, budget)` and
`most_copies(units, max_evals)`.

In the shapes of this folder, `C` is the number of explained classes, `D` of draws, and `N` of sets of units.
"""
