"""Everything a person looks at, made from numbers, strings and pandas tables alone.

- `highlight`: one explained text, as HTML and for the terminal.
- `curves`, `figures`: removal curves; correlation histograms, the scores of one document; `canvas` makes files of them.
- `report`: an evaluation as a page and as a card. `terminal`: its tables for the terminal.
- `palette`, `sanitize`, `tables`, `templating`: what those share.
"""
