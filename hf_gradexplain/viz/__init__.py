"""Everything a person looks at, made from numbers, strings and pandas tables alone.

- `highlight`: one explained text, as HTML and for the terminal.
- `figures`: AOPC curves, correlation histograms, the scores of one document; `canvas` writes them to disk.
- `report`: an evaluation as a page and as a card. `terminal`: its tables for the terminal.
- `palette`, `sanitize`, `tables`, `templating`: what those share.
"""
