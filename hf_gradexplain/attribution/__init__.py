"""The attribution methods: what they compute from the model, the formulas for scores, and the table `METHODS`.

New methods go here.
"""
