"""What methods compute from the model (gradients, masked runs), the formulas for scores, and `METHODS`.

New methods go here.
"""
