"""Methods that estimate scores from random masked copies of a text, with standard errors.

To add one, write a subclass of `source.SampledSource` with the methods `estimate(game, budget)` and
`most_copies(units, max_evals)`.

In the shapes of this folder, `C` counts only the explained classes, `D` is draws, and `N` is sets of units.
"""
